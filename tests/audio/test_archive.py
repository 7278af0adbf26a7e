import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.audio.archive import unpack
from earwitness.errors import EarwitnessError

CONTENT = {"set/meta/esc50.csv": b"filename\n", "set/audio/a.wav": b"x" * 3000}


def make_zip(path: Path, files: dict[str, bytes] = CONTENT) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("set")
        for name, content in files.items():
            info = zipfile.ZipInfo()
            info.filename = name  # as given: the constructor would clean it
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def make_tar(path: Path, files: dict[str, bytes] = CONTENT) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        folder = tarfile.TarInfo("./set")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def folder_for(tmp_path: Path) -> Path:
    folder = tmp_path / "outer" / "unpacked"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_files_come_out(tmp_path: Path, make: Callable[..., Path]) -> None:
    folder = folder_for(tmp_path)
    unpack(make(tmp_path / "archive"), folder)
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}
    assert found == CONTENT


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize(
    "name", ["/abs", "../up", "set/../../up", "a\\..\\..\\up", "C:/up", "..", "a/../b"]
)
def test_names_that_lead_elsewhere(tmp_path: Path, make: Callable[..., Path], name: str) -> None:
    folder = folder_for(tmp_path)
    with pytest.raises(EarwitnessError, match="would land elsewhere"):
        unpack(make(tmp_path / "archive", {name: b"x"}), folder)
    assert list(folder.parent.iterdir()) == [folder]
    assert not list(tmp_path.rglob("up"))


def zip_link(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")


def tar_member(kind: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with tarfile.open(path, "w") as archive:
            info = tarfile.TarInfo("link")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)

    return make


def twice(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("same"))


def encrypted(path: Path) -> None:
    make_zip(path, {"a": b"x"})
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (zip_link, "a link or device"),
        (tar_member(tarfile.SYMTYPE), "a link or device"),
        (tar_member(tarfile.LNKTYPE), "a link or device"),
        (tar_member(tarfile.CHRTYPE), "a link or device"),
        (twice, "cannot be unpacked"),
        (encrypted, "encrypted"),
        (lambda path: make_zip(path, {"": b"x"}), "cannot be unpacked"),
        (lambda path: make_zip(path, {"a": b"x", "a/b": b"y"}), "cannot be unpacked"),
        (lambda path: path.write_text("<html>"), "neither a zip nor a tar"),
        (lambda path: path.write_bytes(b""), "neither a zip nor a tar"),
    ],
)
def test_odd_archives(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    make(tmp_path / "archive")
    with pytest.raises(EarwitnessError, match=f"archive.*{message}"):
        unpack(tmp_path / "archive", folder_for(tmp_path))


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_limits(tmp_path: Path, make: Callable[..., Path]) -> None:
    archive = make(tmp_path / "archive")
    with pytest.raises(EarwitnessError, match="unfolds to more than 3008 bytes"):
        unpack(archive, folder_for(tmp_path / "1"), max_bytes=3008)
    unpack(archive, folder_for(tmp_path / "2"), max_bytes=3009, max_files=3)
    with pytest.raises(EarwitnessError, match="more than 2 files"):
        unpack(archive, folder_for(tmp_path / "3"), max_files=2)


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    folder = folder_for(tmp_path)
    archive = make_zip(tmp_path / "archive", {"zeros": bytes(30_000_000)})
    assert archive.stat().st_size < 100_000
    with pytest.raises(EarwitnessError, match="unfolds"):
        unpack(archive, folder, max_bytes=1_000_000)
    assert not (folder / "zeros").exists()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_gives_one_kind_of_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    tmp_path = tmp_path_factory.mktemp("damage")
    path = data.draw(st.sampled_from([make_zip, make_tar]))(tmp_path / "archive")
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    folder = folder_for(tmp_path)
    try:
        unpack(path, folder)
    except EarwitnessError as error:
        assert str(path) in str(error)
    assert set(folder.parent.iterdir()) == {folder}
