"""Rewrites the code dependencies in dvc.yaml: ``python -m tests.stages.write``.

Data dependencies, parameters and everything else stay as they are, line by line.
"""

import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.stages.check import Stage, expected_code, items_of, members
from tests.stages.closure import HOLE, PACKAGES

ROOT = Path(__file__).resolve().parent.parent.parent


def code_lines(root: Path, name: str, stage: Stage, params: dict[str, Any]) -> list[str]:
    """Dependencies of a stage on code, in dvc.yaml's form, sorted; a folder names all in it."""
    items = items_of(stage, params)
    # What a hole stands for: the matrix's first dimension. Members are of two kinds, so the
    # modules of each are named one by one.
    dimension = next(iter(stage.get("matrix", {})), "")
    lines = set()
    for path in expected_code(root, name, items):
        named = members(root, path, items)
        folder, stem = Path(path).parent.as_posix(), Path(path).stem
        if folder == "earwitness/schema/nets" and dimension == "network" and stem in items:
            lines.add(f"{folder}/${{item.network}}.py")  # imported by the network's own module
        elif HOLE not in path:
            lines.add(path)
        elif dimension in {"network", "backbone"}:
            lines.add(path.replace(HOLE, f"${{item.{dimension}}}"))
        else:
            lines.update(named or {folder})
    return sorted(
        line for line in lines if not any(line.startswith(f"{folder}/") for folder in lines)
    )


def rewrite(text: str, root: Path, params: dict[str, Any]) -> str:
    """Put each stage's code dependencies at the head of its deps."""
    stages = YAML(typ="safe").load(text)["stages"]
    lines, stage, in_deps = [], "", False
    for line in text.splitlines():
        if line.startswith("  ") and not line.startswith("   ") and line.rstrip().endswith(":"):
            stage, in_deps = line.strip().rstrip(":"), False
        if in_deps and line.startswith("      - "):
            if line.strip(" -").split("/")[0] in PACKAGES:
                continue
        else:
            in_deps = False
        lines.append(line)
        if line == "    deps:" and stage in stages:
            in_deps = True
            lines += [f"      - {path}" for path in code_lines(root, stage, stages[stage], params)]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Rewrite dvc.yaml."""
    params = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    path = ROOT / "dvc.yaml"
    path.write_text(rewrite(path.read_text(encoding="utf-8"), ROOT, params), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
