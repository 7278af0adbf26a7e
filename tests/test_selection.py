"""What validation chooses: judged on clips that a fit has not seen, recordings kept together."""

from dataclasses import replace

import numpy as np

from earwitness import selection
from earwitness.schema.ensemble import EnsembleParams
from earwitness.selection import Candidate, choose, first_shifts

PARAMS = EnsembleParams(("log_linear", "greedy"), 0.01, 10, (1, 2))
CANDIDATES = [Candidate("log_linear", 1), Candidate("log_linear", 2)]


def problem(clips: int = 200) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The second shift of both members says more than the first."""
    rng = np.random.default_rng(0)
    targets = np.arange(clips) % 4
    right = np.eye(4)[targets]
    logits = {}
    for name in "ab":
        first, second = (s * right + rng.normal(size=right.shape) for s in (0.5, 6.0))
        logits[name] = np.stack([first, second], axis=1).astype(np.float32)
    return logits, targets, np.arange(clips).astype(str)


def test_shifts_are_averaged_from_the_first_on() -> None:
    logits, _, _ = problem(5)
    mean = first_shifts(logits, 2)["a"]
    np.testing.assert_allclose(mean, logits["a"].mean(axis=1), rtol=1e-6)
    assert np.array_equal(first_shifts(logits, 1)["a"], logits["a"][:, 0])


def test_the_candidate_that_predicts_unseen_clips_best_is_chosen() -> None:
    logits, targets, sources = problem()
    choice = choose(CANDIDATES, logits, targets, sources, PARAMS)
    assert choice.best.shifts == 2
    worse = {name: x[:, ::-1] for name, x in logits.items()}
    assert choose(CANDIDATES, worse, targets, sources, PARAMS).best.shifts == 1
    assert set(choice.losses) == set(CANDIDATES)


def test_a_recording_is_never_fitted_and_judged_at_once(monkeypatch) -> None:
    logits, targets, _ = problem(40)
    sources = np.repeat(np.arange(10), 4).astype(str)
    seen = []

    def spy(part, own_targets, method, params):
        rows = [int(np.flatnonzero((logits["a"][:, 0] == x).all(axis=1))[0]) for x in part["a"]]
        seen.append({sources[row] for row in rows})
        assert [targets[row] for row in rows] == own_targets.tolist()
        return fit(part, own_targets, method, params)

    fit = selection.fit
    monkeypatch.setattr(selection, "fit", spy)
    choose([*CANDIDATES[:1], Candidate("greedy", 1)], logits, targets, sources, PARAMS)
    assert len(seen) == 10
    assert all(len(group) == 8 for group in seen)


def test_without_a_second_recording_the_first_candidate_stands() -> None:
    logits, targets, _ = problem(8)
    choice = choose(CANDIDATES, logits, targets, np.full(8, "one"), PARAMS)
    assert choice.best == CANDIDATES[0]
    assert choice.losses == {}


def test_the_choice_is_deterministic() -> None:
    logits, targets, sources = problem()
    params = replace(PARAMS, l2=0.1)
    first, second = (choose(CANDIDATES, logits, targets, sources, params) for _ in range(2))
    assert first == second
