import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earwitness.augment.waveform import alter
from earwitness.backbones.base import Backbone
from earwitness.backbones.registry import get_record
from earwitness.backbones.trunk import build_trunk
from earwitness.backbones.weights import build_backbone
from earwitness.errors import EarwitnessError
from earwitness.schema.trunk import TrunkParams
from earwitness.store.arrays import ArrayReader, ArrayWriter

CPU = torch.device("cpu")
PARAMS = TrunkParams(
    views=2, roll_seconds=0.2, gain_db=6.0, noise=0.01, batch_size=2, dtype="float32"
)
SEED = 7


@pytest.fixture
def clips(tmp_path: Path) -> ArrayReader:
    """Five clips of 0.6 s."""
    values = np.random.default_rng(0).standard_normal((5, 9600)).astype(np.float32) * 0.1
    arrays = {"clips": (values.shape, "float32")}
    with ArrayWriter(tmp_path / "audio.h5", arrays, {"sample_rate": 16000}) as writer:
        writer.write("clips", slice(None), values)
    return ArrayReader(tmp_path / "audio.h5")


@pytest.fixture(scope="module")
def random_yamnet() -> Backbone:
    torch.manual_seed(0)
    backbone = build_backbone("yamnet")
    for parameter in backbone.parameters():
        if parameter.dim() == 4:
            # PyTorch's default initialisation would fade out over 27 layers.
            nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    return backbone


class Relative(Backbone):
    """A transformer in small: states (B, T, D), and a position bias that block 0 owns."""

    def __init__(self) -> None:
        record = dataclasses.replace(get_record("yamnet"), name="toy", blocks=3, level_from=0)
        super().__init__(record, [nn.Linear(8, 8) for _ in range(3)], [8, 8, 8])
        self.bias = nn.Parameter(torch.randn(64))

    def front_end(self, waveform: Tensor) -> Tensor:
        return waveform.unfold(1, 8, 400).detach()  # (B, T, 8)

    def step(self, index: int, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1])
        attention = self.bias[(places[:, None] - places).abs()].softmax(1)
        return attention @ self.blocks[index](x).tanh()


def build(
    backbone: Backbone, clips: ArrayReader, unfrozen: int, out: Path, **changes: Any
) -> ArrayReader:
    params = dataclasses.replace(PARAMS, **changes)
    build_trunk(backbone, clips, unfrozen, params, SEED, out, CPU)
    return ArrayReader(out)


def views(clips: ArrayReader) -> NDArray[np.float32]:
    """The waveforms of every view: (V, N, n)."""
    plain = clips.read("clips")
    altered = [
        alter(plain[row], 16000, PARAMS, np.random.default_rng([SEED, 1, row])) for row in range(5)
    ]
    return np.stack([plain, np.stack(altered)])


def assert_same_as_whole(
    backbone: Backbone, clips: ArrayReader, unfrozen: int, store: ArrayReader
) -> None:
    """Check trunk + suffix against the whole model, for each view."""
    blocks = len(backbone.blocks)
    boundary, levels = store.read("boundary"), store.read("levels")
    assert boundary.shape[:2] == levels.shape[:2] == (2, 5)
    with torch.inference_mode():
        for view, waveforms in enumerate(views(clips)):
            x = backbone.front_end(torch.from_numpy(waveforms))
            last, pooled = backbone.run(x, 0, blocks)
            stored = torch.from_numpy(boundary[view])
            again, own = backbone.run(stored, blocks - unfrozen, blocks)
            both = torch.cat([torch.from_numpy(levels[view]), own], 1)
            scale = float(pooled.abs().max())
            assert scale > 1e-3
            torch.testing.assert_close(again, last, rtol=1e-5, atol=1e-5 * scale)
            torch.testing.assert_close(both, pooled, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("unfrozen", range(15))
def test_trunk_and_suffix_are_the_whole_model(
    unfrozen: int, random_yamnet: Backbone, clips: ArrayReader, tmp_path: Path
) -> None:
    store = build(random_yamnet, clips, unfrozen, tmp_path / "trunk.h5")
    assert_same_as_whole(random_yamnet, clips, unfrozen, store)


@pytest.mark.parametrize("unfrozen", [0, 6, 7, 14])
def test_trunk_and_suffix_are_the_whole_model_with_real_weights(
    unfrozen: int, yamnet: Backbone, clips: ArrayReader, tmp_path: Path
) -> None:
    store = build(yamnet, clips, unfrozen, tmp_path / "trunk.h5")
    assert_same_as_whole(yamnet, clips, unfrozen, store)


@pytest.mark.parametrize("unfrozen", range(4))
def test_sequences_with_a_shared_position_bias_can_be_cut(
    unfrozen: int, clips: ArrayReader, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    backbone = Relative().eval()
    store = build(backbone, clips, unfrozen, tmp_path / "trunk.h5")
    assert store.shape("boundary") == (2, 5, 24, 8)
    assert_same_as_whole(backbone, clips, unfrozen, store)


def test_stored_arrays(random_yamnet: Backbone, clips: ArrayReader, tmp_path: Path) -> None:
    frozen = build(random_yamnet, clips, 0, tmp_path / "0.h5")
    assert frozen.shape("boundary") == (2, 5, 1024, 1, 2)
    assert frozen.shape("levels") == (2, 5, 10240)
    half = build(random_yamnet, clips, 7, tmp_path / "7.h5", dtype="float16")
    assert half.shape("boundary") == (2, 5, 512, 3, 4)
    assert half.read("boundary").dtype == np.float16
    assert half.shape("levels") == (2, 5, 1024)
    assert half.read("levels").dtype == np.float32
    assert half.attrs == {"backbone": "yamnet", "unfrozen": 7}
    free = build(random_yamnet, clips, 14, tmp_path / "14.h5")
    assert free.shape("levels") == (2, 5, 0)


def test_first_view_is_the_clip_and_others_have_their_own_generator(
    random_yamnet: Backbone, clips: ArrayReader, tmp_path: Path
) -> None:
    stored = build(random_yamnet, clips, 14, tmp_path / "trunk.h5").read("boundary")
    for view, waveforms in enumerate(views(clips)):
        expected = random_yamnet.front_end(torch.from_numpy(waveforms)).numpy()
        np.testing.assert_array_equal(stored[view], expected)


def test_batch_size_does_not_show(
    random_yamnet: Backbone, clips: ArrayReader, tmp_path: Path
) -> None:
    sizes = (1, 2, 5, 64)
    stores = [build(random_yamnet, clips, 7, tmp_path / f"{s}.h5", batch_size=s) for s in sizes]
    first = stores[0].read("boundary")
    for store in stores[1:]:
        np.testing.assert_allclose(store.read("boundary"), first, atol=1e-5 * first.max())


def test_a_second_run_writes_the_same_bytes(
    random_yamnet: Backbone, clips: ArrayReader, tmp_path: Path
) -> None:
    for name in ("a.h5", "b.h5"):
        build(random_yamnet, clips, 7, tmp_path / name, dtype="float16")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_no_more_than_a_batch_is_read_at_once(
    random_yamnet: Backbone, clips: ArrayReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    read = ArrayReader.read

    def watched(self: ArrayReader, name: str, rows: Any = None) -> NDArray[Any]:
        values = read(self, name, rows)
        asked.append(len(values))
        return values

    monkeypatch.setattr(ArrayReader, "read", watched)
    build(random_yamnet, clips, 7, tmp_path / "trunk.h5")
    assert asked == [2, 2, 1]


def test_bar_stays_off_where_there_is_no_terminal(
    random_yamnet: Backbone, clips: ArrayReader, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(random_yamnet, clips, 7, tmp_path / "trunk.h5", views=1)
    assert capsys.readouterr() == ("", "")


def test_too_many_blocks_are_refused(
    random_yamnet: Backbone, clips: ArrayReader, tmp_path: Path
) -> None:
    with pytest.raises(EarwitnessError, match="is 15, but yamnet has 14 blocks"):
        build(random_yamnet, clips, 15, tmp_path / "trunk.h5")


def test_another_sample_rate_is_refused(random_yamnet: Backbone, tmp_path: Path) -> None:
    arrays = {"clips": ((1, 9600), "float32")}
    with ArrayWriter(tmp_path / "audio.h5", arrays, {"sample_rate": 32000}):
        pass
    with pytest.raises(EarwitnessError, match="at 32000 Hz, but yamnet reads 16000 Hz"):
        build(random_yamnet, ArrayReader(tmp_path / "audio.h5"), 7, tmp_path / "trunk.h5")


def test_what_does_not_fit_float16_is_refused(clips: ArrayReader, tmp_path: Path) -> None:
    backbone = build_backbone("yamnet")
    with torch.no_grad():
        backbone.blocks[6].pointwise.bias.fill_(1e5)
    out = tmp_path / "trunk.h5"
    with pytest.raises(EarwitnessError, match="not finite in float16"):
        build(backbone, clips, 7, out, dtype="float16")
    assert [path.name for path in tmp_path.iterdir()] == ["audio.h5"]
    assert np.isfinite(build(backbone, clips, 7, out).read("boundary")).all()
