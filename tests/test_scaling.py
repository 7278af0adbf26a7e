"""The stages on a collection in many shards: same bits as in one file, few clips at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stages.features
import stages.predict
import stages.prepare
import stages.splits
import stages.train
import stages.trunk
from benchmarks.scaling import (
    START,
    Cost,
    compare,
    table,
    write_collection,
    write_params,
    write_random_backbone,
)
from earwitness.audio.dataset import find_clips
from earwitness.store import shards
from earwitness.store.arrays import ArrayReader
from stages.params import open_params

CLIPS, SECONDS, BATCH = 53, 0.5, 6
STORES = ("data/prepared/audio_16000.h5", "data/features/spec_cnn.h5", "data/trunk/yamnet.h5")


def run_stages(root: Path, clips_per_shard: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Run the pipeline in `root`; return how many items each read of a store asked for."""
    asked: list[int] = []
    read = ArrayReader.read

    def watched(self: ArrayReader, name: str, rows: Any = None) -> Any:
        values = read(self, name, rows)
        asked.append(len(values))
        return values

    monkeypatch.chdir(root)
    monkeypatch.setattr(shards, "CLIPS_PER_SHARD", clips_per_shard)
    monkeypatch.setattr(ArrayReader, "read", watched)
    write_collection(root / "collection", CLIPS, SECONDS)
    write_params(root / "params.yaml", SECONDS, batch_size=BATCH)
    write_random_backbone(root / "models/pretrained/yamnet.safetensors")
    params = open_params()
    stages.prepare.main(params)
    stages.splits.main(params)
    stages.features.main(params, "spec_cnn")
    stages.trunk.main(params, "yamnet")
    stages.train.main(params, "spec_cnn", "1")
    stages.predict.main(params, "spec_cnn", "1")
    return asked


def arrays(root: Path) -> dict[str, np.ndarray]:
    found = {}
    for path in (*STORES, "data/predictions/spec_cnn/fold1.h5"):
        with ArrayReader(root / path) as reader:
            found |= {f"{path} {name}": reader.read(name) for name in reader.names}
    return found


def test_shards_change_no_bit_and_few_clips_are_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = {}
    for clips_per_shard in (7, 1000):
        root = tmp_path / str(clips_per_shard)
        root.mkdir()
        with monkeypatch.context() as patch:
            asked = run_stages(root, clips_per_shard, patch)
        # Validation, of which a batch of 64 is read, has no more than these.
        assert max(asked) <= BATCH
        assert [(root / store).is_dir() for store in STORES] == [clips_per_shard == 7] * 3
        results[clips_per_shard] = arrays(root)
    for name, array in results[1000].items():
        np.testing.assert_array_equal(array, results[7][name], err_msg=name)
    for path in ("data/manifest.csv", "models/members/spec_cnn/fold1/model.safetensors"):
        assert (tmp_path / "7" / path).read_bytes() == (tmp_path / "1000" / path).read_bytes()


def test_a_synthetic_collection_takes_the_room_of_few_files(tmp_path: Path) -> None:
    write_collection(tmp_path, 120, 0.1)
    clips, problems = find_clips(tmp_path)
    assert (len(clips), problems) == (120, [])
    assert len({clip.path.stat().st_ino for clip in clips}) == 50
    assert {clip.fold for clip in clips} == {1, 2, 3, 4, 5}


def test_the_cost_to_start_is_taken_off() -> None:
    start, small, large = Cost(0, 5, 100), Cost(0, 15, 110), Cost(0, 120, 121)
    deviation, growth = compare(start, small, large, (START + 1000, START + 10000))
    assert deviation == pytest.approx(0.15)
    assert growth == pytest.approx(0.10)


def test_the_table_marks_what_grows_too_much() -> None:
    costs = {
        START: {"even": Cost(2, 1, 50), "uneven": Cost(2, 1, 50)},
        1100: {"even": Cost(3, 2, 100), "uneven": Cost(3, 2, 100)},
        2100: {"even": Cost(4, 3, 109), "uneven": Cost(4, 4, 111)},
    }
    even, uneven = list(table(costs))[2:]
    assert even.endswith("| 1.00 | +0.0% | +9.0% |")
    assert uneven.endswith("| 1.50 | +50.0% (too much) | +11.0% (too much) |")
