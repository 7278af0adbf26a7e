"""The benchmark of the networks runs, and its table says what was measured."""

import pytest

from benchmarks.cases import CASES, MODEL_A, Case
from benchmarks.networks import Figures, best, main, table
from benchmarks.timing import Budget, repeat


def cells(markdown: str) -> dict[str, list[str]]:
    """Rows of the table by their first cell."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in markdown.splitlines()]
    assert {len(row) for row in rows} == {len(rows[0])}
    return {row[0]: row[1:] for row in rows[2:]}


def test_every_network_gets_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick"])
    rows = cells(capsys.readouterr().out.strip())
    assert list(rows) == [case.title for case in CASES]
    for case in CASES:
        _, _, _, train, train_ratio, evaluate, eval_ratio, share = rows[case.title]
        assert float(train) > 0
        assert float(evaluate) > 0
        assert bool(train_ratio) == bool(eval_ratio) == bool(case.rival)
        assert bool(share) == case.ours


def test_ratios_are_those_to_the_rival() -> None:
    ours = Case("ours", "spec_cnn", None, (2, 64, 251), 32, MODEL_A.title)
    measured = {
        MODEL_A.title: Figures(train=10.0, evaluate=20.0, batch_share=0.0),
        "ours": Figures(train=75.0, evaluate=50.0, batch_share=0.04),
    }
    rows = cells(table((MODEL_A, ours), measured, cores=2))
    assert rows["ours"] == [
        *("2 x 64 x 251", "32", "2 x 1 thread"),
        *("75.0", "7.5 x", "50.0", "2.5 x", "4.0%"),
    ]
    assert rows[MODEL_A.title][2:] == ["1 x 2 threads, float32", "10.0", "", "20.0", "", ""]


def test_the_best_round_counts() -> None:
    rounds = [Figures(10.0, 5.0, 0.05), Figures(8.0, 6.0, 0.02)]
    assert best(rounds) == Figures(10.0, 6.0, 0.02)


def test_the_first_repetition_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("benchmarks.timing.time.perf_counter", lambda: clock[0])
    lengths = iter([100.0, 2.0, 4.0, 3.0, 1000.0])

    def work() -> None:
        clock[0] += next(lengths)

    assert repeat(work, Budget(seconds=7.0, least=2)) == 3.0
