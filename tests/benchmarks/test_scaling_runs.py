"""Small runs are repeated around the large one, and say how far its result can be trusted."""

import pytest

from benchmarks.scaling import START, Cost, middle, schedule, table, uncertainty


def test_the_large_run_is_in_the_middle() -> None:
    assert list(schedule([2000, 20000, START], 3)) == [100, 2000, 100, 2000, 20000, 100, 2000]
    assert list(schedule([1, 2], 1)) == [1, 2]


def test_the_median_counts_and_the_spread_is_kept() -> None:
    run = middle([Cost(1, 5.0, 10), Cost(2, 3.0, 20), Cost(3, 4.0, 30)])
    assert run == Cost(3, 4.0, 30, spread=1.0)
    assert middle([Cost(1, 5.0, 10)]).spread == 0.0


def test_the_table_says_how_far_a_deviation_can_be_trusted() -> None:
    start, small, large = Cost(2, 1, 50, 0.1), Cost(3, 2, 100, 0.2), Cost(4, 3, 100)
    assert uncertainty(start, small) == pytest.approx(0.3)
    line = list(table({START: {"s": start}, 1100: {"s": small}, 2100: {"s": large}}))[2]
    assert line.endswith("| 1.00 | +0.0% ± 30.0% | +0.0% |")
