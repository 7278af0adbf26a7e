"""Stage ``clips``: the prepared clips as a browser plays and shows them."""

from pathlib import Path

from earwitness.report.clips import find_audio, write_clips
from stages.params import ParamsFile


def main(params: ParamsFile) -> None:
    """Write report/clips/."""
    del params
    write_clips(find_audio(Path("data/prepared")), Path("report/clips"))
