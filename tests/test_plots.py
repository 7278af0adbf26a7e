from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from earwitness.plots.confusion import count_confusions, plot_confusion
from earwitness.plots.curves import plot_curves
from earwitness.plots.folds import plot_folds
from earwitness.plots.per_class import plot_per_class
from earwitness.plots.previews import choose_clips, plot_previews
from earwitness.plots.style import colours

MODELS = ["spec_cnn", "yamnet", "mn04"]


def names(classes: int) -> list[str]:
    return [f"category_{index}" for index in range(classes)]


def draw_curves(path: Path, models: int = 3, folds: int = 5, epochs: int = 4) -> None:
    rng = np.random.default_rng(0)
    runs = [
        pd.DataFrame(
            {
                "member": member,
                "fold": fold,
                "epoch": np.arange(1, epochs + 1),
                "train_loss": rng.random(epochs),
                "validation_loss": rng.random(epochs),
                "validation_top1": rng.random(epochs),
                "lr": 0.1,
            }
        )
        for member in MODELS[:models]
        for fold in range(1, folds + 1)
    ]
    plot_curves(pd.concat(runs), path)


def draw_confusion(path: Path, classes: int = 50, suffix: str = "") -> None:
    rng = np.random.default_rng(0)
    actual = rng.integers(0, classes, 300)
    predicted = np.where(rng.random(300) < 0.8, actual, rng.integers(0, classes, 300))
    categories = [name + suffix for name in names(classes)]
    of = np.array(categories)
    table = pd.DataFrame({"actual": of[actual], "predicted": of[predicted]})
    plot_confusion(table, categories, path)


def draw_per_class(path: Path, models: int = 3, classes: int = 50) -> None:
    rng = np.random.default_rng(0)
    scores = {name: rng.random(classes) for name in ["ensemble", *MODELS[:models]]}
    rank = ["ten worst"] * min(10, classes) + ["others"] * max(0, classes - 10)
    plot_per_class(pd.DataFrame({"category": names(classes), **scores, "rank": rank}), path)


def draw_folds(path: Path, models: int = 3, folds: int = 5) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"model": model, "fold": fold, "top1": rng.random(), "top3": rng.random()}
        for model in [*MODELS[:models], "ensemble", "uniform"]
        for fold in range(1, folds + 1)
    ]
    plot_folds(pd.DataFrame(rows), path)


def draw_previews(path: Path, clips: int = 8) -> None:
    # Loud and soft parts as a real clip has: the picture is mostly what the colours make it.
    features = np.random.default_rng(0).random((clips, 2, 64, 251)) ** 0.1
    plot_previews(
        features.astype(np.float16),
        ("log_mel", "pcen"),
        [*names(clips)[1:], "a $ and a $"],
        5.0,
        path,
    )


DRAWINGS = [draw_curves, draw_confusion, draw_per_class, draw_folds, draw_previews]


@pytest.mark.uncovered
@pytest.mark.parametrize("draw", DRAWINGS)
def test_the_same_table_gives_the_same_bytes(draw: Callable, tmp_path: Path) -> None:
    first, second = tmp_path / "new" / "first.png", tmp_path / "second.png"
    draw(first)
    # Whatever the user's Matplotlib looks like.
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        draw(second)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"\x89PNG")
    assert b"Matplotlib" not in first.read_bytes()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["first.png", "new", "second.png"]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_the_background_is_light_and_something_is_drawn(draw: Callable, tmp_path: Path) -> None:
    draw(tmp_path / "x.png")
    image = imread(tmp_path / "x.png")[..., :3]
    assert (image[0, 0] == 1).all()
    assert image.mean() > 0.7
    assert (image < 0.4).any(axis=2).sum() > 500


@pytest.mark.parametrize(
    ("draw", "sizes"),
    [
        (draw_curves, {"models": 1, "folds": 1, "epochs": 1}),
        (draw_confusion, {"classes": 2}),
        (draw_per_class, {"models": 1, "classes": 2}),
        (draw_folds, {"models": 1, "folds": 1}),
        (draw_previews, {"clips": 1}),
    ],
)
def test_the_smallest_case_is_drawn(draw: Callable, sizes: dict, tmp_path: Path) -> None:
    draw(tmp_path / "small.png", **sizes)
    assert imread(tmp_path / "small.png").std() > 0


@pytest.mark.parametrize("suffix", ["", " with a name as long as a sentence"])
@pytest.mark.parametrize("classes", [2, 5])
def test_the_title_of_few_classes_is_whole(classes: int, suffix: str, tmp_path: Path) -> None:
    draw_confusion(tmp_path / "few.png", classes, suffix)
    image = imread(tmp_path / "few.png")[..., :3]
    top = image[: image.shape[0] // 10]
    assert (top < 0.5).any()
    assert (top[:, :5] == 1).all()
    assert (top[:, -5:] == 1).all()


def test_curves_of_models_that_were_not_trained(tmp_path: Path) -> None:
    columns = ["member", "fold", "epoch", "train_loss", "validation_loss", "validation_top1", "lr"]
    plot_curves(pd.DataFrame(columns=columns), tmp_path / "empty.png")
    assert (tmp_path / "empty.png").is_file()


def test_confusions_are_counted_actual_by_predicted() -> None:
    table = pd.DataFrame({"actual": ["a", "a", "b"], "predicted": ["a", "b", "b"]})
    counts = count_confusions(table, ["a", "b", "c"])
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_a_model_keeps_its_colour_beside_the_ensembles() -> None:
    alone, together = colours(MODELS), colours(["ensemble", *MODELS, "uniform"])
    assert all(alone[model] == together[model] for model in MODELS)
    assert len(set(together.values())) == 5


def test_previews_are_of_one_clip_a_class_and_of_eight_classes_at_most() -> None:
    few = pd.DataFrame({"target": [9, 9, 2, 5, 2]})
    assert choose_clips(few).tolist() == [2, 3, 0]
    many = pd.DataFrame({"target": np.repeat(np.arange(50), 3)})
    chosen = choose_clips(many)
    assert len(set(many["target"].iloc[chosen])) == 8
    assert (chosen[0], chosen[-1]) == (0, 147)
