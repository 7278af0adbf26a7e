"""Getting the data set to its place: there already, linked, or downloaded."""

import hashlib
import logging
import shutil
from pathlib import Path
from typing import IO, Any, Literal
from urllib.parse import urlsplit

import pooch

from earwitness.audio.archive import unpack
from earwitness.audio.dataset import find_csv
from earwitness.errors import EarwitnessError
from earwitness.schema.data import DataParams
from earwitness.store.atomic import atomic_directory

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30
MAX_DOWNLOAD_BYTES = 20_000_000_000
BOTH_WAYS = (
    "run `make repro DATA=/path/to/ESC-50` with a copy you have, or run again with a network "
    "(or with another data.url)"
)


def fetch(
    params: DataParams, root: Path, link_from: Path | None
) -> Literal["found", "linked", "downloaded"]:
    """See to it that the data set is at `root`.

    Parameters
    ----------
    params : DataParams
        Address and hash of the archive to download.
    root : Path
        Where the data set belongs.
    link_from : Path or None
        A folder that has it already; `root` becomes a link to it unless `root` exists.

    Returns
    -------
    {"found", "linked", "downloaded"}
        What was done.

    Raises
    ------
    EarwitnessError
        If what is there, or was downloaded, is no data set, or nothing can be downloaded.
    """
    if _is_there(root):
        find_csv(root)
        if link_from is not None and link_from.resolve() != root.resolve():
            log.warning("%s is there already: %s is not used", root, link_from)
        return "found"
    if link_from is not None:
        if not link_from.is_dir():
            raise EarwitnessError(
                f"there is no folder {link_from}, from which the data set was to be taken "
                "(EARWITNESS_DATA)"
            )
        find_csv(link_from)
        root.parent.mkdir(parents=True, exist_ok=True)
        root.symlink_to(link_from.resolve(), target_is_directory=True)
        return "linked"
    _download_and_unpack(params, root)
    return "downloaded"


def _is_there(root: Path) -> bool:
    """Whether `root` exists; a dangling link or an empty folder is cleared away."""
    if root.is_symlink() and not root.exists():
        root.unlink()
    elif root.is_dir() and not root.is_symlink() and not any(root.iterdir()):
        root.rmdir()
    return root.exists()


def _download_and_unpack(params: DataParams, root: Path) -> None:
    folder = root.with_name(root.name + ".download")
    archive = _download(params, root, folder)
    try:
        with atomic_directory(root) as unpacked:
            unpack(archive, unpacked)
            find_csv(unpacked)
    except EarwitnessError as error:
        if not params.sha256:  # perhaps a damaged download: the next run must not reuse it
            shutil.rmtree(folder)
        raise EarwitnessError(f"what {params.url} holds is not a data set: {error}") from error
    shutil.rmtree(folder)


def _download(params: DataParams, root: Path, folder: Path) -> Path:
    if urlsplit(params.url).scheme not in ("http", "https"):
        raise EarwitnessError(
            f"there is no data set at {root} and data.url {params.url!r} is not an http address: "
            + BOTH_WAYS
        )
    name = hashlib.sha256(params.url.encode()).hexdigest()[:12] + ".archive"
    _clear_except(folder, name)
    try:
        archive = Path(
            pooch.retrieve(
                params.url,
                known_hash=f"sha256:{params.sha256.lower()}" if params.sha256 else None,
                fname=name,
                path=folder,
                downloader=_download_file,
            )
        )
    except OSError as error:  # every error of requests is one
        raise EarwitnessError(
            f"there is no data set at {root} and {params.url} cannot be downloaded "
            f"({type(error).__name__}): {BOTH_WAYS}"
        ) from error
    except ValueError as error:
        raise EarwitnessError(
            f"{params.url} does not have the SHA-256 that data.sha256 wants, so it was not kept "
            f"({str(error).split('. ')[0]})"
        ) from error
    if not params.sha256:
        log.warning(
            "data.sha256 is empty, so %s was taken as it came; its SHA-256 is %s",
            params.url,
            pooch.file_hash(str(archive)),
        )
    return archive


def _download_file(url: str, target: str, caller: Any) -> None:
    """Download for pooch, to a limit: a server may send without end."""
    download = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT_SECONDS)
    with Path(target).open("wb") as file:
        download(url, _Limited(file, url), caller)


class _Limited:
    """A file that takes so many bytes and no more."""

    def __init__(self, file: IO[bytes], url: str) -> None:
        self._file = file
        self._url = url
        self._left = MAX_DOWNLOAD_BYTES

    def write(self, block: bytes) -> None:
        self._left -= len(block)
        if self._left < 0:
            raise EarwitnessError(
                f"{self._url} sends more than {MAX_DOWNLOAD_BYTES} bytes: see whether data.url "
                "is the address of the data set"
            )
        self._file.write(block)

    def flush(self) -> None:
        self._file.flush()


def _clear_except(folder: Path, name: str) -> None:
    """Remove what killed downloads left; a whole archive of this name is used again."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name != name:
            path.unlink()
