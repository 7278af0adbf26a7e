"""Archives, and a server, that were made to do harm; tests/audio/test_archive.py has more."""

import gzip
import io
import socketserver
import tarfile
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from earwitness.audio import fetch as fetching
from earwitness.audio.archive import unpack
from earwitness.audio.fetch import fetch
from earwitness.errors import EarwitnessError
from earwitness.schema.data import DataParams

MEBIBYTE = 1 << 20


def long_header(kind: bytes) -> Callable[[Path], None]:
    """A header of 300 MB before the file's own, which tarfile would read into memory."""

    def make(path: Path) -> None:
        info = tarfile.TarInfo("pax")
        info.type, info.size = kind, 300 * MEBIBYTE
        with gzip.open(path, "wb", 1) as file:
            file.write(info.tobuf(tarfile.PAX_FORMAT))
            for _ in range(300):
                file.write(bytes(MEBIBYTE))

    return make


def tar_claiming(size: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        info = tarfile.TarInfo("a.wav")
        info.size = size
        path.write_bytes(info.tobuf() + bytes(2048))

    return make


def sparse_tar(path: Path) -> None:
    """A file of 8 GiB that is one hole."""
    info = tarfile.TarInfo("a.wav")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 0
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"00000000000\0" * 2
    header[483:495] = b"77777777777\0"
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    path.write_bytes(bytes(header) + bytes(1024))


def zip_of(content: bytes, declared: int) -> Callable[[Path], None]:
    """A zip whose only member declares another size than it has."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.wav", content)
        size = len(content).to_bytes(4, "little")
        path.write_bytes(path.read_bytes().replace(size, declared.to_bytes(4, "little")))

    return make


def many_files(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(200):
            archive.writestr(str(number), b"")


def nested(path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(20 * MEBIBYTE))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", inner.getvalue())


def through_a_link(path: Path) -> None:
    """A link out of the folder, and a file to write through it."""
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, ".."
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("out/mark"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (long_header(tarfile.XHDTYPE), "a header of 314572800 bytes"),
        (long_header(tarfile.XGLTYPE), "a header of 314572800 bytes"),
        (long_header(tarfile.GNUTYPE_LONGNAME), "a header of 314572800 bytes"),
        (tar_claiming(8**11 - 1), "unfolds to more than 5000000 bytes"),
        (tar_claiming(4_000_000), "cannot be unpacked: unexpected end of data"),
        (sparse_tar, "unfolds to more than 5000000 bytes"),
        (zip_of(bytes(9 * MEBIBYTE), 10), "cannot be unpacked: Bad CRC"),
        (zip_of(bytes(100), 2**31), "unfolds to more than 5000000 bytes"),
        (many_files, "more than 100 files"),
        (through_a_link, "a link or device"),
    ],
)
def test_archives_are_refused_in_little_memory_and_room(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "outer" / "folder"
    folder.mkdir(parents=True)
    make(tmp_path / "archive")
    tracemalloc.start()
    try:
        with pytest.raises(EarwitnessError, match=f"archive.*{message}"):
            unpack(tmp_path / "archive", folder, max_bytes=5_000_000, max_files=100)
        assert tracemalloc.get_traced_memory()[1] < 10 * MEBIBYTE
    finally:
        tracemalloc.stop()
    assert sum(file.stat().st_size for file in folder.rglob("*")) < 5_000_000
    assert list(folder.parent.iterdir()) == [folder]


def test_an_archive_in_an_archive_stays_packed(tmp_path: Path) -> None:
    nested(tmp_path / "archive")
    (tmp_path / "folder").mkdir()
    unpack(tmp_path / "archive", tmp_path / "folder", max_bytes=MEBIBYTE)
    assert [path.name for path in (tmp_path / "folder").rglob("*")] == ["inner.zip"]


class Endless(BaseHTTPRequestHandler):
    """Sends until the other side has had enough."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Endless) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/esc50.zip"
        server.shutdown()
        thread.join()


def test_a_download_without_end_is_given_up(
    tmp_path: Path, endless: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MAX_DOWNLOAD_BYTES", 3_000_000)
    params = DataParams("ESC-50", "data/raw/ESC-50", endless, "", "fail")
    with pytest.raises(EarwitnessError, match="sends more than 3000000 bytes"):
        fetch(params, tmp_path / "root", None)
    assert not (tmp_path / "root").exists()
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 4_000_000
