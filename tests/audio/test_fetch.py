import functools
import hashlib
import http.server
import logging
import shutil
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earwitness.audio.dataset import find_clips
from earwitness.audio.fetch import fetch
from earwitness.errors import EarwitnessError
from earwitness.schema.data import DataParams

SaveTone = Callable[..., Path]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def data_set(tmp_path: Path, save_tone: SaveTone) -> Path:
    root = tmp_path / "copy" / "ESC-50-master"
    save_tone(root / "audio" / "a.wav")
    (root / "meta").mkdir()
    (root / "meta" / "esc50.csv").write_text("filename,fold,target,category\na.wav,1,0,dog\n")
    return root


@pytest.fixture
def served(tmp_path: Path, data_set: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a local server with the data set as ``esc50.zip``."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    shutil.make_archive(str(folder / "esc50"), "zip", data_set.parent)
    handler = functools.partial(Quiet, directory=str(folder))
    # Not http.server's own class: that one asks a name server for this machine's name.
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> str:
    """Address where nobody answers."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/esc50.zip"


def params(url: str, sha256: str = "") -> DataParams:
    return DataParams("ESC-50", "data/raw/ESC-50", url, sha256, "fail")


def sha256_of(tmp_path: Path) -> str:
    return hashlib.sha256((tmp_path / "served" / "esc50.zip").read_bytes()).hexdigest()


def test_what_is_there_is_left_alone(data_set: Path, tmp_path: Path, dead: str) -> None:
    assert fetch(params(dead), data_set, None) == "found"
    assert fetch(params(dead), data_set, data_set) == "found"


def test_an_existing_folder_wins_over_a_link(
    data_set: Path, tmp_path: Path, dead: str, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other"
    shutil.copytree(data_set, other)
    assert fetch(params(dead), data_set, other) == "found"
    assert not data_set.is_symlink()
    assert f"{other} is not used" in caplog.text


def test_a_copy_elsewhere_is_linked(data_set: Path, tmp_path: Path, dead: str) -> None:
    root = tmp_path / "repository" / "data" / "raw" / "ESC-50"
    assert fetch(params(dead), root, data_set.parent) == "linked"
    assert root.readlink() == data_set.parent
    assert len(find_clips(root)[0]) == 1
    assert fetch(params(dead), root, data_set.parent) == "found"


@pytest.mark.parametrize("leftover", ["empty folder", "dangling link"])
def test_leftovers_are_no_data_set(
    data_set: Path, tmp_path: Path, dead: str, leftover: str
) -> None:
    root = tmp_path / "ESC-50"
    root.mkdir() if leftover == "empty folder" else root.symlink_to(tmp_path / "gone")
    assert fetch(params(dead), root, data_set) == "linked"


def test_a_link_to_nothing_is_refused(tmp_path: Path, dead: str) -> None:
    with pytest.raises(EarwitnessError, match=r"there is no folder .*gone, from which"):
        fetch(params(dead), tmp_path / "ESC-50", tmp_path / "gone")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_csv_is_refused(tmp_path: Path, dead: str) -> None:
    (tmp_path / "ESC-50" / "audio").mkdir(parents=True)
    with pytest.raises(EarwitnessError, match="no comma-separated CSV file"):
        fetch(params(dead), tmp_path / "ESC-50", None)


@pytest.mark.parametrize("upper", [False, True])
def test_download_with_the_right_hash(
    tmp_path: Path, served: str, caplog: pytest.LogCaptureFixture, upper: bool
) -> None:
    root = tmp_path / "repository" / "ESC-50"
    digest = sha256_of(tmp_path)
    pinned = params(f"{served}/esc50.zip", digest.upper() if upper else digest)
    with caplog.at_level(logging.WARNING, logger="earwitness"):
        assert fetch(pinned, root, None) == "downloaded"
    assert len(find_clips(root)[0]) == 1
    assert list(root.parent.iterdir()) == [root]
    assert not [record for record in caplog.records if record.name.startswith("earwitness")]


def test_download_without_a_hash_warns_with_the_one_to_pin(
    tmp_path: Path, served: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert fetch(params(f"{served}/esc50.zip"), tmp_path / "ESC-50", None) == "downloaded"
    assert "data.sha256 is empty" in caplog.text
    assert sha256_of(tmp_path) in caplog.text


def test_download_with_the_wrong_hash(tmp_path: Path, served: str) -> None:
    root = tmp_path / "repository" / "ESC-50"
    with pytest.raises(EarwitnessError, match=r"does not have the SHA-256 that data\.sha256"):
        fetch(params(f"{served}/esc50.zip", "0" * 64), root, None)
    assert not root.exists()
    assert not [path for path in root.parent.rglob("*") if path.is_file()]


def test_a_whole_download_is_used_again_and_rubble_is_cleared(tmp_path: Path, served: str) -> None:
    root = tmp_path / "ESC-50"
    pinned = params(f"{served}/esc50.zip", sha256_of(tmp_path))
    folder = tmp_path / "ESC-50.download"
    folder.mkdir()
    (folder / "tmp123").write_bytes(b"half")
    name = hashlib.sha256(pinned.url.encode()).hexdigest()[:12] + ".archive"
    (tmp_path / "served" / "esc50.zip").rename(folder / name)  # no longer served
    assert fetch(pinned, root, None) == "downloaded"
    assert not folder.exists()


@pytest.mark.parametrize("content", [b"<html>not found</html>", None])
def test_what_is_no_data_set_is_not_kept(
    tmp_path: Path, served: str, content: bytes | None
) -> None:
    archive = tmp_path / "served" / "esc50.zip"
    if content is None:
        (tmp_path / "empty").mkdir()
        archive = Path(shutil.make_archive(str(archive.with_suffix("")), "zip", tmp_path / "empty"))
    else:
        archive.write_bytes(content)
    root = tmp_path / "repository" / "ESC-50"
    with pytest.raises(EarwitnessError, match=r"esc50\.zip.* not a data set"):
        fetch(params(f"{served}/esc50.zip"), root, None)
    assert list(root.parent.iterdir()) == []


def test_without_data_and_network_both_ways_out_are_named(tmp_path: Path, dead: str) -> None:
    with pytest.raises(EarwitnessError) as caught:
        fetch(params(dead), tmp_path / "ESC-50", None)
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(tmp_path / "ESC-50"), dead, "make repro DATA=/path/to/ESC-50", "network"):
        assert part in message


@pytest.mark.parametrize("url", ["", "/some/where.zip", "file:///etc/passwd"])
def test_other_addresses_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(EarwitnessError, match=r"not an http address.*make repro DATA"):
        fetch(params(url), tmp_path / "ESC-50", None)


def test_a_missing_page(tmp_path: Path, served: str) -> None:
    with pytest.raises(EarwitnessError, match=r"cannot be downloaded \(HTTPError\)"):
        fetch(params(f"{served}/gone.zip"), tmp_path / "ESC-50", None)
