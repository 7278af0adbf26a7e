"""Unpacking archives from the network without trusting them."""

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Self

from earwitness.audio.names import is_plain
from earwitness.errors import EarwitnessError

MAX_FILES = 100_000
MAX_BYTES = 20_000_000_000
MAX_HEADER_BYTES = 1 << 16
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

# Headers whose content is another header's name or attributes.
LONG_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


@dataclass(frozen=True)
class _Member:
    """A file or folder of an archive; `kind` is "file", "folder" or what it should not be."""

    name: str
    kind: str
    size: int
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
        Most members and most bytes, a member's counted before it is written.

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
            # Declared, but neither zipfile nor tarfile hands out more of a member than that.
            budget -= member.size
            if budget < 0:
                raise EarwitnessError(f"{archive} unfolds to more than {max_bytes} bytes")
            target = _place(archive, folder, member)
            if member.kind == "folder":
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                _copy(member, target)
    except DAMAGE as error:
        raise EarwitnessError(f"{archive} cannot be unpacked: {error}") from error


class _Header(tarfile.TarInfo):
    """A tar header; those that lead to a long name or further attributes must be short.

    tarfile reads such a name into memory, whatever its length.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parse the 512 bytes of a header."""
        header = super().frombuf(buf, encoding, errors)
        if header.type in LONG_HEADERS and header.size > MAX_HEADER_BYTES:
            raise ValueError(f"a header of {header.size} bytes")
        return header


def _members(archive: Path) -> Iterator[_Member]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                kind = _zip_kind(info)
                yield _Member(info.filename, kind, info.file_size, partial(packed.open, info))
        return
    with _open_tar(archive) as tars:
        for entry in tars:
            kind = _tar_kind(entry)
            yield _Member(entry.name, kind, entry.size, partial(tars.extractfile, entry))


def _open_tar(archive: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(archive, tarinfo=_Header)
    except tarfile.ReadError:
        raise EarwitnessError(f"{archive} is neither a zip nor a tar archive") from None


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


def _copy(member: _Member, target: Path) -> None:
    """Copy a member to a file that must be new."""
    source = member.open()
    if source is None:
        raise ValueError(f"{member.name!r} has no content")
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file, BLOCK_BYTES)
