"""Unpacking archives from the network without trusting them."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from earwitness.audio.dataset import is_plain
from earwitness.errors import EarwitnessError

MAX_FILES = 100_000
MAX_BYTES = 20_000_000_000
BLOCK_BYTES = 1 << 20

# What zipfile and tarfile raise over damaged, odd or conflicting members.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
)


@dataclass(frozen=True)
class _Member:
    """A file or folder of an archive; `kind` is "file", "folder" or what it should not be."""

    name: str
    kind: str
    open: Callable[[], IO[bytes] | None]


def unpack(
    archive: Path, folder: Path, *, max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES
) -> None:
    """Unpack a zip or tar archive into an existing folder.

    Parameters
    ----------
    archive : Path
        The archive; its kind is told by its content.
    folder : Path
        Where to put the files. What was unpacked before an error stays there.
    max_files, max_bytes : int
        Most members and most bytes, as counted while unpacking, not as declared.

    Raises
    ------
    EarwitnessError
        If it is no such archive or damaged; if a member has an absolute or climbing name, is
        a link or device, is encrypted or comes twice; or if there is too much in it.
    """
    budget = max_bytes
    try:
        for count, member in enumerate(_members(archive), start=1):
            if count > max_files:
                raise EarwitnessError(f"{archive} holds more than {max_files} files")
            target = _place(archive, folder, member)
            if member.kind == "folder":
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            budget -= _copy(member, target, budget)
            if budget < 0:
                raise EarwitnessError(f"{archive} unfolds to more than {max_bytes} bytes")
    except DAMAGE as error:
        raise EarwitnessError(f"{archive} cannot be unpacked: {error}") from error


def _members(archive: Path) -> Iterator[_Member]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                yield _Member(info.filename, _zip_kind(info), partial(packed.open, info))
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tars:
            for entry in tars:
                yield _Member(entry.name, _tar_kind(entry), partial(tars.extractfile, entry))
    else:
        raise EarwitnessError(f"{archive} is neither a zip nor a tar archive")


def _zip_kind(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    if info.flag_bits & 1:
        return "encrypted"
    if info.filename.endswith("/"):
        return "folder"
    return "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "a link or device"


def _tar_kind(entry: tarfile.TarInfo) -> str:
    if entry.isdir():
        return "folder"
    return "file" if entry.isreg() else "a link or device"


def _place(archive: Path, folder: Path, member: _Member) -> Path:
    name = PurePosixPath(member.name)
    if not all(is_plain(part) for part in name.parts):
        raise EarwitnessError(f"{archive} holds a file that would land elsewhere: {member.name!r}")
    if member.kind not in ("file", "folder"):
        raise EarwitnessError(f"{archive} holds {member.name!r}, which is {member.kind}")
    return folder.joinpath(*name.parts)


def _copy(member: _Member, target: Path, budget: int) -> int:
    """Copy a member to a new file, at most one block beyond `budget` bytes of it."""
    copied = 0
    source = member.open()
    if source is None:
        raise ValueError(f"{member.name!r} has no content")
    with source, target.open("xb") as file:
        while copied <= budget and (block := source.read(BLOCK_BYTES)):
            file.write(block)
            copied += len(block)
    return copied
