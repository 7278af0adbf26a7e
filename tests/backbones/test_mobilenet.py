import csv
import json
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from earwitness.audio.decode import load_clip
from earwitness.backbones.base import Backbone
from earwitness.backbones.obtain import convert, obtain_class_names
from earwitness.backbones.registry import get_record
from earwitness.backbones.trunk import build_trunk
from earwitness.backbones.weights import build_backbone, load_backbone
from earwitness.errors import EarwitnessError
from earwitness.schema.trunk import TrunkParams
from earwitness.store.arrays import ArrayReader, ArrayWriter

DEMO = Path(__file__).parents[2] / "demo" / "esc10-mini"

# What AudioSet calls the classes of the demo set, and how many of their ten clips must have
# such a label among the first ten of 527: one or two fewer than measured.
EXPECTED = {
    "dog": (["Dog", "Bark"], 9),
    "rooster": (["Chicken, rooster", "Crowing, cock-a-doodle-doo"], 9),
    "rain": (["Rain", "Raindrop", "Rain on surface"], 8),
    "sea_waves": (["Ocean", "Waves, surf"], 8),
    "crying_baby": (["Crying, sobbing", "Baby cry, infant cry"], 9),
    "sneezing": (["Sneeze"], 9),
    "crackling_fire": (["Fire", "Crackle"], 9),
    "clock_tick": (["Clock", "Tick", "Tick-tock"], 9),
    "chainsaw": (["Chainsaw"], 4),
    "helicopter": (["Helicopter"], 5),
}
LAST = {"mn04": 384, "mn10": 960}
both_widths = pytest.mark.parametrize("name", ["mn04", "mn10"])


@pytest.fixture(scope="session")
def mn04_file(published: Callable[[str], Path]) -> Path:
    return published("mn04")


@cache
def demo_rows() -> list[dict[str, str]]:
    with (DEMO / "meta" / "esc50.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@cache
def demo_clips() -> torch.Tensor:
    """All clips of the demo set at 32 kHz: (100, 160000)."""
    paths = [DEMO / "audio" / row["filename"] for row in demo_rows()]
    return torch.from_numpy(np.stack([load_clip(path, 32000, 5.0, "HQ") for path in paths]))


@torch.inference_mode()
def run_demo(backbone: Backbone) -> tuple[torch.Tensor, torch.Tensor]:
    """Pooled levels (100, 1792) and class scores (100, 527) of the demo set."""
    levels, scores = [], []
    for clips in demo_clips().split(10):
        last, pooled = backbone.run(backbone.front_end(clips), 0, 17)
        levels.append(pooled)
        scores.append(backbone.class_scores(last))
    return torch.cat(levels), torch.cat(scores)


def waveforms(count: int, seconds: float = 5.0, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    levels = 10 ** rng.uniform(-3, 0, (count, 1))
    noise = levels * rng.standard_normal((count, round(seconds * 32000)))
    return torch.from_numpy(noise.astype(np.float32))


def published_scores(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The published network from its tensors alone, stage by stage, in float64."""
    state = {name: tensor.double() for name, tensor in state.items() if tensor.is_floating_point()}
    strides = {0: 2, 2: 2, 4: 2, 7: 2, 13: 2}
    x = x.double()
    for stage in range(17):
        act = F.hardswish if stage == 0 or stage >= 7 else F.relu
        prefix = f"features.{stage}."
        keys = {name.removeprefix(prefix) for name in state if name.startswith(prefix)}
        layers = sorted({key.rsplit(".", 2)[0] for key in keys if key.startswith("block")}) or [""]
        before = x
        for layer in layers:
            name = prefix + layer
            if "conc_se" in layer:
                means = x.mean((2, 3))
                for fc, function in (("fc1", F.relu), ("fc2", torch.sigmoid)):
                    weights = (state[f"{name}.{fc}.{part}"] for part in ("weight", "bias"))
                    means = function(F.linear(means, *weights))
                x = x * means[:, :, None, None]
                continue
            conv, norm = (f"{name}.{i}".replace("..", ".") for i in (0, 1))
            kernel = state[f"{conv}.weight"]
            depthwise = kernel.shape[1] == 1 and stage > 0
            stride = strides.get(stage, 1) if depthwise or stage == 0 else 1
            groups = len(kernel) if depthwise else 1
            x = F.conv2d(x, kernel, None, stride, kernel.shape[-1] // 2, groups=groups)
            mean, var = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
            x = F.batch_norm(x, mean, var, state[f"{norm}.weight"], state[f"{norm}.bias"], eps=1e-3)
            if layer != layers[-1] or stage in (0, 16):
                x = act(x)
        if 0 < stage < 16 and x.shape == before.shape:
            x = x + before
    x = F.linear(x.mean((2, 3)), state["classifier.2.weight"], state["classifier.2.bias"])
    return F.linear(F.hardswish(x), state["classifier.5.weight"], state["classifier.5.bias"])


def kaldi_bank() -> NDArray[np.float64]:
    """Triangles that are straight on the mel scale, at the bins of an FFT of 1,024: (128, 513)."""

    def mel(hertz: Any) -> Any:
        return 1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)

    corners = np.linspace(mel(0.0), mel(15000.0), 130)
    bins = mel(np.arange(513) * 32000 / 1024)
    up = (bins - corners[:-2, None]) / np.diff(corners)[:-1, None]
    down = (corners[2:, None] - bins) / np.diff(corners)[1:, None]
    bank = np.maximum(0.0, np.minimum(up, down))
    bank[:, 512] = 0.0
    return bank


def test_front_end_is_the_published_one() -> None:
    waveform = waveforms(1)
    ours = build_backbone("mn04").front_end(waveform)
    assert ours.shape == (1, 1, 128, 500)
    signal = waveform[0].double().numpy()
    signal = np.pad(signal[1:] - 0.97 * signal[:-1], 512, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(signal, 1024)[::320]
    window = np.zeros(1024)
    window[112:912] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(800) / 799)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    expected = (np.log(kaldi_bank() @ power.T + 1e-5) + 4.5) / 5
    np.testing.assert_allclose(ours[0, 0].numpy(), expected, atol=1e-3)


def test_silence_is_the_log_of_the_offset() -> None:
    silence = build_backbone("mn04").front_end(torch.zeros(1, 160000))
    torch.testing.assert_close(silence, torch.full_like(silence, (np.log(1e-5) + 4.5) / 5))


def test_front_end_of_a_clip_does_not_depend_on_its_batch() -> None:
    backbone = build_backbone("mn04")
    batch = waveforms(5, 2.0)
    together = backbone.front_end(batch)
    for i in range(5):
        assert torch.equal(together[i], backbone.front_end(batch[i : i + 1])[0])
    assert torch.equal(together[2:4], backbone.front_end(batch[2:4]))
    assert not together.requires_grad


def test_clips_too_short_to_mirror_are_refused() -> None:
    backbone = build_backbone("mn04")
    shortest = torch.zeros(1, 514)
    with torch.inference_mode():
        last, levels = backbone.run(backbone.front_end(shortest), 0, 17)
    assert last.shape == (1, 384, 4, 1)
    assert levels.isfinite().all()
    with pytest.raises(EarwitnessError, match="at least 514 samples at 32 kHz"):
        backbone.front_end(shortest[:, 1:])


@both_widths
def test_shapes_of_every_block(name: str) -> None:
    backbone = build_backbone(name)
    x = backbone.front_end(waveforms(2, 2.0))
    sizes = [(64, 100)] * 2 + [(32, 50)] * 2 + [(16, 25)] * 3 + [(8, 13)] * 6 + [(4, 7)] * 4
    with torch.inference_mode():
        for index, size in enumerate(sizes):
            x = backbone.step(index, x)
            assert x.shape == (2, backbone.widths[index], *size)
    assert backbone.frames(x).shape == (2, 7, LAST[name])
    assert backbone.class_scores(x).shape == (2, 527)


@both_widths
def test_state_has_the_published_size(name: str) -> None:
    state = build_backbone(name).state_dict()
    numbers = sum(tensor.numel() for tensor in state.values())
    assert (len(state), numbers) == (312, {"mn04": 993_485, "mn10": 4_901_277}[name])


def test_every_stage_is_a_level() -> None:
    widths = (8, 8, 16, 16, 16, 16, 16, 32, 32, 32, 32, 48, 48, 64, 64, 64, 384)
    assert build_backbone("mn04").widths == widths
    assert sum(build_backbone("mn04").level_sizes()) == 1792 + 512


def test_the_last_level_ends_with_the_classifiers_hidden_layer() -> None:
    backbone = build_backbone("mn04")
    x = torch.randn(2, 384, 4, 5)
    level = backbone.level(16, x)
    assert torch.equal(level[:, :768], backbone.pool(x))
    linear = next(m for m in reversed(backbone.head) if isinstance(m, torch.nn.Linear))
    torch.testing.assert_close(linear(level[:, 768:]), backbone.class_scores(x))
    assert torch.equal(backbone.level(15, x), backbone.pool(x))


def test_frames_follow_time_and_not_mel() -> None:
    backbone = build_backbone("mn04")
    x = torch.arange(24.0).reshape(1, 2, 3, 4)  # (B, C, mel, time)
    expected = torch.tensor([[4.0, 16.0], [5.0, 17.0], [6.0, 18.0], [7.0, 19.0]])
    assert torch.equal(backbone.frames(x)[0], expected)
    # A sound in the last quarter of a clip is in the last quarter of its frames.
    waveform = torch.zeros(1, 64000)
    waveform[:, 48000:] = waveforms(1, 0.5)
    with torch.inference_mode():
        silent, late = (
            backbone.frames(backbone.run(backbone.front_end(w), 0, 3)[0])[0]
            for w in (torch.zeros_like(waveform), waveform)
        )
    changed = (late - silent).abs().sum(1) > 1e-6
    assert not changed[:36].any()
    assert changed[38:].all()


@pytest.mark.parametrize("start", [0, 4, 11, 16])
def test_gradients_reach_every_block_above_the_cut(start: int) -> None:
    backbone = build_backbone("mn04")
    with torch.no_grad():
        x = backbone.run(backbone.front_end(waveforms(2, 1.0)), 0, start)[0]
    last, levels = backbone.run(x.contiguous(), start, 17)
    (last.sum() + levels.sum()).backward()
    for index, block in enumerate(backbone.blocks):
        for parameter in block.parameters():
            assert (parameter.grad is not None) == (index >= start)


def test_conversion_keeps_every_published_number(mn04_file: Path, mn04_weights: Path) -> None:
    published = torch.load(mn04_file, weights_only=True)
    ours = load_backbone("mn04", mn04_weights).state_dict()
    assert len(published) == len(ours) == 312
    # Both are in the order of the layers, so renaming must not have moved any.
    for (theirs, left), (name, right) in zip(published.items(), ours.items(), strict=True):
        assert theirs.split(".")[-2:] == name.split(".")[-2:]
        assert left.dtype == right.dtype
        assert torch.equal(left, right), f"{theirs} is not {name}"


def test_network_computes_what_its_published_description_says(
    mn04: Backbone, mn04_file: Path
) -> None:
    x = mn04.front_end(demo_clips()[::25, :64000])
    with torch.inference_mode():
        ours = mn04.class_scores(mn04.run(x, 0, 17)[0])
    published = published_scores(torch.load(mn04_file, weights_only=True), x)
    assert float(published.std()) > 1
    torch.testing.assert_close(ours.double(), published, rtol=1e-4, atol=1e-4)


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(EarwitnessError, match="does not hold the mn04 model"):
        convert(get_record("mn04"), path)
    path.write_bytes(pickle.dumps(Path("code"), protocol=2))
    with pytest.raises(EarwitnessError, match="does not hold the mn04 model"):
        convert(get_record("mn04"), path)
    torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(EarwitnessError, match="holds other tensors than mn04 has"):
        convert(get_record("mn04"), path)
    torch.save(build_backbone("mn04").state_dict(), path)
    with pytest.raises(EarwitnessError, match="holds other tensors than mn10 has"):
        convert(get_record("mn10"), path)


def test_a_batch_gives_what_single_clips_give(mn04: Backbone) -> None:
    clips = demo_clips()[::25]
    with torch.inference_mode():
        together = mn04.run(mn04.front_end(clips), 0, 17)
        for i, clip in enumerate(clips):
            alone = mn04.run(mn04.front_end(clip[None]), 0, 17)
            for left, right in zip(together, alone, strict=True):
                torch.testing.assert_close(left[i], right[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("unfrozen", [0, 1, 4, 6, 12, 16, 17])
def test_trunk_and_suffix_are_the_whole_model_with_real_weights(
    unfrozen: int, mn04: Backbone, tmp_path: Path
) -> None:
    clips = demo_clips()[::25, :48000].numpy()
    arrays = {"clips": (clips.shape, "float32")}
    with ArrayWriter(tmp_path / "audio.h5", arrays, {"sample_rate": 32000}) as writer:
        writer.write("clips", slice(None), clips)
    params = TrunkParams(
        views=1, roll_seconds=0.0, gain_db=0.0, noise=0.0, batch_size=3, dtype="float32"
    )
    out = tmp_path / "trunk.h5"
    audio = ArrayReader(tmp_path / "audio.h5")
    build_trunk(mn04, audio, unfrozen, params, 0, out, torch.device("cpu"))
    store = ArrayReader(out)
    stored = torch.from_numpy(store.read("boundary")[0])
    with torch.inference_mode():
        last, pooled = mn04.run(mn04.front_end(torch.from_numpy(clips)), 0, 17)
        again, own = mn04.run(stored, 17 - unfrozen, 17)
    both = torch.cat([torch.from_numpy(store.read("levels")[0]), own], 1)
    scale = float(pooled.abs().max())
    assert scale > 1
    torch.testing.assert_close(again, last, rtol=1e-5, atol=1e-5 * scale)
    torch.testing.assert_close(both, pooled, rtol=1e-5, atol=1e-5 * scale)


@pytest.fixture(scope="session")
def class_names(weight_folders: list[Path]) -> list[str]:
    names = obtain_class_names(get_record("mn04"), weight_folders)
    if names is None:
        pytest.skip("EARWITNESS_WEIGHTS names no folder with AudioSet's class names")
    return names


def test_class_names_are_those_of_yamnet_and_six_more(
    class_names: list[str], yamnet_weights: Path
) -> None:
    # YAMNet's authors left out six of the 527 classes and kept the order of the others; their
    # table comes from another source.
    left_out = {
        *("Male speech, man speaking", "Female speech, woman speaking", "Male singing"),
        *("Female singing", "Battle cry", "Funny music"),
    }
    yamnet_names = json.loads(yamnet_weights.with_suffix(".json").read_text())["labels"]
    assert len(class_names) == 527
    assert set(class_names) - set(yamnet_names) == left_out
    assert [name for name in class_names if name not in left_out] == yamnet_names


def test_own_labels_are_recognised_in_real_clips(mn04: Backbone, class_names: list[str]) -> None:
    scores = run_demo(mn04)[1]
    categories = [row["category"] for row in demo_rows()]
    for category, (names, least) in EXPECTED.items():
        own = [i for i, found in enumerate(categories) if found == category]
        wanted = torch.tensor([class_names.index(name) for name in names])
        first = scores[own].topk(10, dim=1).indices
        hits = int(torch.isin(first, wanted).any(1).sum())
        assert len(own) == 10
        assert hits >= least, f"{category}: {hits} of 10"
    probabilities = mn04.recognise(demo_clips()[:2])
    torch.testing.assert_close(probabilities, scores[:2].sigmoid(), rtol=1e-4, atol=1e-5)


def test_frozen_levels_separate_the_demo_classes(mn04: Backbone) -> None:
    levels = run_demo(mn04)[0].numpy()
    folds = np.array([int(row["fold"]) for row in demo_rows()])
    targets = np.array([int(row["target"]) for row in demo_rows()])
    right = 0
    for fold in range(1, 6):
        test = folds == fold
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=1000))
        model.fit(levels[~test], targets[~test])
        right += int((model.predict(levels[test]) == targets[test]).sum())
    # 95 measured.
    assert right >= 93, f"{right} of 100"
