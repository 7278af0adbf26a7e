"""The arithmetic of the table: ratios, shares of the limit, verdicts, the best of all rounds."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import notebook
from benchmarks.audio import Scratch, real_clips, waveforms
from benchmarks.cases import CASES
from benchmarks.floor import COPY, Peak, forward_flops
from benchmarks.hardware import cpu_model, describe
from benchmarks.members import features, spectrogram_work
from benchmarks.networks import Figures
from benchmarks.parts.networks import network_rows
from benchmarks.parts.pipeline import DVC, ONE, TWO, Run, outputs, same, table
from benchmarks.parts.tta import together
from benchmarks.rates import Bench, Way
from benchmarks.rows import HEAD, Row, Wanted, markdown, number
from benchmarks.timing import Budget
from earwitness.audio.decode import load_clip

PEAK = Peak({"float32": 100.0, "bfloat16": 200.0, COPY: 50.0}, {"float32": 90.0, COPY: 50.0})


class FakeMachine:
    """Says that processes took what they are told to say, in turn."""

    cores = 2

    def __init__(self, *rounds: list[dict[str, float]]) -> None:
        self.rounds = iter(rounds)

    def one_process(self, *_: object) -> list[dict[str, float]]:
        return next(self.rounds)

    one_process_a_core = one_process


def bench(machine: FakeMachine) -> Bench:
    return Bench(machine, PEAK, (), Budget(0.0, 1), rounds=2, quick=True)  # type: ignore[arg-type]


def test_a_row_has_ratio_share_and_verdict() -> None:
    row = Row("work", 30.0, 2, "theirs", 10.0, 120.0, Wanted(14, "core"), "said")
    assert row.cells() == (
        *("work", "30.0", "15.0", "theirs", "10.0", "3.0 x", "120", "25.0%"),
        *("14 a core: yes", "said"),
    )
    assert Row("w", 30.0, 2, wanted=Wanted(16, "core")).verdict == "16 a core: **no**"
    assert Row("w", 49.9, 2, "t", 10.0, wanted=Wanted(5, "ratio")).verdict == "5 x: **no**"
    assert Row("w", 50.0, 2, "t", 10.0, wanted=Wanted(5, "ratio")).verdict == "5 x: yes"
    assert Row("w", 1.0, 1).cells()[3:] == ("",) * 7


def test_rows_become_a_table() -> None:
    lines = markdown([Row("a", 1.0, 1), Row("b", 2.0, 1, "a", 1.0)]).splitlines()
    assert [line.count("|") for line in lines] == [len(HEAD) + 1] * 4
    assert [number(x) for x in (0.1234, 1.234, 12.34, 1234.0)] == ["0.123", "1.23", "12.3", "1,234"]


def test_the_limit_is_that_of_whichever_takes_longer() -> None:
    assert PEAK.limit(10, 1) == pytest.approx(10)
    assert PEAK.limit(10, 10) == pytest.approx(5)
    assert PEAK.limit(10, 1, "bfloat16") == pytest.approx(20)


def test_processes_add_up_and_the_best_round_counts() -> None:
    machine = FakeMachine(
        [{"work": 1.0}, {"work": 2.0}],
        [{"work": 8.0}],
        [{"work": 4.0}, {"work": 4.0}],
        [{"work": 2.0}],
    )
    ways = {"ours": Way(dict, 4), "theirs": Way(dict, 2, whole=True)}
    assert bench(machine).rates(ways) == {"ours": {"work": 6.0}, "theirs": {"work": 1.0}}


def test_operations_of_products_and_convolutions_are_counted() -> None:
    left, right = torch.zeros(3, 4), torch.zeros(4, 5)
    assert forward_flops(lambda: left @ right) == 2 * 3 * 4 * 5
    depthwise = torch.nn.Conv2d(8, 8, 3, groups=8, bias=False)
    image = torch.zeros(1, 8, 6, 6)
    assert forward_flops(lambda: depthwise(image)) == 2 * 8 * 4 * 4 * 9
    with torch.inference_mode():  # as members classify
        assert forward_flops(lambda: depthwise(image)) == 2 * 8 * 4 * 4 * 9


def test_the_work_of_features_grows_with_the_frames() -> None:
    short, long = (spectrogram_work(features(), seconds) for seconds in (1.0, 5.0))
    assert long[0] / short[0] == pytest.approx(251 / 51)
    assert long[1] == 4 * 80_000 + 2 * 2 * 64 * 251


def test_a_networks_rows_have_its_ratios() -> None:
    case = CASES[1]
    rows = network_rows(
        case, Figures(60.0, 90.0, 0.11), Figures(8.0, 9.0, 0.0), bench(FakeMachine())
    )
    assert [(row.ratio, row.verdict) for row in rows] == [(7.5, "6 x: yes"), (10.0, "")]
    assert rows[0].remark == "making the batch 11.0% of a step: **no**"
    assert rows[1].limit / rows[0].limit in (pytest.approx(3.0), pytest.approx(1.5))


def test_times_of_steps_that_follow_one_another_add_up() -> None:
    assert together([2.0, 2.0]) == 1.0
    assert together([10.0, 2.5]) == 2.0


def test_the_pipelines_rows_compare_seconds_and_hashes() -> None:
    hashes = {"a": "1", "b": "2"}
    runs = {DVC: Run(90, 0, hashes), ONE: Run(100, 200, hashes), TWO: Run(50, 125, hashes)}
    dvc, one, whole = table(runs, 1000.0)
    assert (dvc.ratio, dvc.verdict) == (pytest.approx(1.8), "1.5 x: yes")
    assert dvc.remark == "50 s and 90 s"
    assert (one.ratio, one.verdict) == (pytest.approx(2.0), "")
    assert one.remark == "50 s and 100 s; same hashes of 2 outputs as -j 1: yes"
    assert (whole.ratio, whole.limit) == (pytest.approx(1.6), 0.0)
    assert dvc.rate / dvc.limit == pytest.approx(dvc.rate / 1000)


def test_other_hashes_are_told() -> None:
    entries = {"x": {"outs": [{"path": "b", "md5": "2"}]}, "y": {"deps": []}}
    assert outputs(entries) == {"b": "2"}
    assert same({"a": "1", "b": "2"}, {"a": "1", "b": "3"}).endswith("**no** (b)")
    assert same({"a": "1"}, {}).endswith("**no** (a)")


def test_the_machine_is_described_without_a_date() -> None:
    assert cpu_model("model name\t: Chip 5\nflags\t: sse avx2 avx512_bf16\n") == (
        "Chip 5 (avx2, avx512_bf16)"
    )
    text = "\n".join(describe(PEAK, 2, before=1.5))
    assert "2 x 1 (processes x threads), the notebook's way 1 x 2" in text
    assert "**not quiet**: 1.5 other processes" in text
    assert "not quiet" not in "\n".join(describe(PEAK, 2, before=0.1))


def test_without_a_data_set_the_demos_clips_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EARWITNESS_DATA", raising=False)
    origin, files = real_clips(10)
    assert "EARWITNESS_DATA names no data set" in origin
    assert len(files) == len(set(files)) == 10
    assert {path.suffix for path in files} == {".ogg"}


def test_the_notebooks_loading_gives_the_pipelines_waveform() -> None:
    _, (path, *_) = real_clips(1)
    ours = load_clip(path, 16000, 5.0, "HQ")
    np.testing.assert_allclose(notebook.load_clip(path, 5.0), ours, atol=1e-6)
    assert notebook.load_clip(path, 7.0).shape == (112_000,)
    assert notebook.Features()(ours).shape == notebook.SHAPE
    assert notebook.Features(800, 320, True)(ours).shape == (2, 64, 251)


def test_few_files_fill_a_store_of_more_clips(tmp_path: Path) -> None:
    _, files = real_clips(2)
    waves = waveforms(files, 5, 16000, 1.0)
    assert waves.shape == (5, 16000)
    np.testing.assert_array_equal(waves[0], waves[2])
    scratch = Scratch()
    np.testing.assert_array_equal(scratch.store(waves, 16000).read("clips"), waves)
