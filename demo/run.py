"""Run the pipeline on the clips of this folder, in a workspace of its own (`make demo`).

The workspace is ``.demo/`` in the repository, with ``demo/params.yaml`` as its parameters.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from earwitness.errors import EarwitnessError
from profiles.workspace import REPOSITORY, Workspace

FOLDER = Path(".demo")
CLIPS = Path("demo", "esc10-mini")


def main() -> None:
    """Build the workspace, reproduce the pipeline there, say where the results are."""
    os.environ.pop("EARWITNESS_DATA", None)  # it would lead away from the demo's own clips
    params = (REPOSITORY / "demo" / "params.yaml").read_text(encoding="utf-8")
    workspace = Workspace(FOLDER, params)
    (workspace.root / "demo").mkdir(exist_ok=True)
    workspace.copy(CLIPS)
    workspace.run("dvc", "repro")
    print(flush=True)
    subprocess.run([sys.executable, "-m", "stages.show", FOLDER], cwd=REPOSITORY, check=True)
    print(
        "\nThat was the demo: 100 clips and two of the five members, which show that everything "
        "works, not how well.\n"
        "Next, on all of ESC-50 (2,000 clips):\n"
        "  make repro DATA=/path/to/ESC-50   with a copy you have, in any of its layouts\n"
        "  make repro                        to download it first"
    )


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m demo.run", description=__doc__).parse_args()
    try:
        main()
    except EarwitnessError as mistake:
        sys.exit(f"demo: {mistake}")
    except KeyboardInterrupt:
        sys.exit(130)
