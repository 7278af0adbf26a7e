"""Give a speech model of torchaudio modules of its own.

``python -m earwitness.backbones.adopt NAME``. DVC lists a backbone's code by its name, so that a
change to one backbone leaves the others as they are; this writes the two short modules that it
then finds.
"""

import argparse
import sys
from pathlib import Path

from earwitness.backbones.bundles import derive
from earwitness.backbones.record import DerivedRecord
from earwitness.errors import EarwitnessError
from earwitness.store.atomic import atomic_path

MODULE = '''"""{bundle} of torchaudio."""

from earwitness.backbones.speech import build, convert

__all__ = ["build", "convert"]
'''
RECORD = '''"""{bundle} of torchaudio."""

from earwitness.backbones.record import HubFile, SpeechRecord

RECORD = SpeechRecord(
    name="{name}",
    sample_rate={sample_rate},
    blocks={blocks},
    level_from=0,
    licence="{licence}",
    source=(
{source}
    ),
    transport=HubFile(
        address="{address}",
        filename="{filename}",
        sha256=None,
    ),
    bundle="{bundle}",
    dimension={dimension},
)
'''


def adopt(name: str, folder: Path) -> DerivedRecord:
    """Write a bundle's modules.

    Parameters
    ----------
    name : str
        Of the bundle, in any case.
    folder : Path
        ``earwitness/backbones``.

    Returns
    -------
    DerivedRecord
        What was written.

    Raises
    ------
    EarwitnessError
        If torchaudio has no such speech model, or it has modules already.
    """
    record = derive(name)
    if record is None:
        raise EarwitnessError(f"torchaudio.pipelines has no speech model called {name.upper()}")
    paths = [folder / f"{record.name}.py", folder / "records" / f"{record.name}.py"]
    for path in paths:
        if path.exists():
            raise EarwitnessError(f"{path} exists: {record.name} is a backbone already")
    for path, text in zip(
        paths, (MODULE.format(bundle=record.bundle), _record(record)), strict=True
    ):
        with atomic_path(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return record


def _record(record: DerivedRecord) -> str:
    words, lines = record.source.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 85:
            lines.append("")
        lines[-1] += f"{word} "
    lines[-1] = lines[-1].rstrip()
    quoted = ["        " + '"' + line + '"' for line in lines]
    return RECORD.format(
        name=record.name,
        sample_rate=record.sample_rate,
        blocks=record.blocks,
        licence=record.licence,
        source="\n".join(quoted),
        address=record.transport.address,
        filename=record.transport.filename,
        bundle=record.bundle,
        dimension=record.dimension,
    )


def main() -> int:
    """Adopt the bundle named on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m earwitness.backbones.adopt",
        description="Make a speech model of torchaudio a backbone of this project, by name.",
    )
    parser.add_argument("name", help="of a bundle in torchaudio.pipelines, as HUBERT_XLARGE")
    try:
        record = adopt(parser.parse_args().name, Path(__file__).parent)
    except EarwitnessError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    name = record.name
    print(
        f"{name} is a backbone now; its weights: {record.licence}. Run `dvc exp run "
        f"-S 'model.backbones=[{name}]' -S 'model.networks=[spec_cnn]' "
        f"-S 'members=[spec_cnn,{name}]' "
        f"-S '+finetune.{name}=${{finetune.wav2vec2_base}}'`"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
