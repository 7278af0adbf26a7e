"""The evaluation as tables: one CSV a table, and the data of one plot each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from earwitness.errors import EarwitnessError
from earwitness.evaluation.metrics import hits
from earwitness.evaluation.scores import HeldOutScores
from earwitness.evaluation.summary import DIGITS
from earwitness.labels import ClassEntry

WORST = 10
CURVES = ("epoch", "train_loss", "validation_loss", "validation_top1", "lr")


def cv_table(summary: Mapping[str, Any], member: str) -> pd.DataFrame:
    """Cross-validation table of one member.

    Parameters
    ----------
    summary : mapping
        What `earwitness.evaluation.summary.summarise` returned.
    member : str
        A member in it.

    Returns
    -------
    pd.DataFrame
        Columns fold, plain_top1, plain_top3, tta_top1, tta_top3; one row a fold, then the
        rows mean and std.
    """
    columns = {
        f"{kind}_{top}": summary[member][kind][top]
        for kind in ("plain", "tta")
        for top in ("top1", "top3")
    }
    folds = list(next(iter(columns.values()))["folds"])
    table = {"fold": [*folds, "mean", "std"]}
    for name, values in columns.items():
        table[name] = [*values["folds"].values(), values["mean"], values["std"]]
    return pd.DataFrame(table)


def folds_table(summary: Mapping[str, Any], members: Sequence[str]) -> pd.DataFrame:
    """Accuracy of each model on each fold, with test-time augmentation.

    Parameters
    ----------
    summary : mapping
        What `earwitness.evaluation.summary.summarise` returned.
    members : sequence of str
        The members.

    Returns
    -------
    pd.DataFrame
        Columns model, fold, top1, top3. The models are the members, "ensemble", and
        "uniform": the ensemble with equal weights.
    """
    models = {member: summary[member]["tta"] for member in members}
    models |= {"ensemble": summary["ensemble"], "uniform": summary["ensemble"]["uniform"]}
    return pd.DataFrame(
        [
            {"model": name, "fold": int(fold), "top1": top1, "top3": tops["top3"]["folds"][fold]}
            for name, tops in models.items()
            for fold, top1 in tops["top1"]["folds"].items()
        ],
    )


def predictions_table(
    scores: HeldOutScores, filenames: Sequence[str], classes: Sequence[ClassEntry]
) -> pd.DataFrame:
    """List what each model said about each test clip, with test-time augmentation.

    Parameters
    ----------
    scores : HeldOutScores
        Predictions on the test folds.
    filenames : sequence of str
        File name of every clip of the manifest.
    classes : sequence of ClassEntry
        The classes, as in the splits.

    Returns
    -------
    pd.DataFrame
        One row a clip, in the order of the manifest: filename, fold, target (as in the data
        set), label (its category); of each member and of the ensemble ``<name>_pred`` (a
        category) and ``<name>_prob`` (its probability); ensemble_top3 (three categories,
        best first, separated by "|").
    """
    names = _categories(classes)
    table = {
        "filename": [filenames[row] for row in scores.rows],
        "fold": scores.fold,
        "target": [classes[index]["target"] for index in scores.targets],
        "label": names[scores.targets],
    }
    probs = {member: softmax(x.astype(np.float64), axis=1) for member, x in scores.tta.items()}
    probs["ensemble"] = np.exp(scores.ensemble.astype(np.float64))
    for name, values in probs.items():
        table[f"{name}_pred"] = names[values.argmax(axis=1)]
        table[f"{name}_prob"] = values.max(axis=1).round(DIGITS)
    best = np.argsort(-scores.ensemble, axis=1, kind="stable")[:, :3]
    table["ensemble_top3"] = ["|".join(names[three]) for three in best]
    return pd.DataFrame(table)


def confusion_table(scores: HeldOutScores, classes: Sequence[ClassEntry]) -> pd.DataFrame:
    """Actual and predicted category of each test clip, by the ensemble.

    Parameters
    ----------
    scores : HeldOutScores
        Predictions on the test folds.
    classes : sequence of ClassEntry
        The classes, as in the splits.

    Returns
    -------
    pd.DataFrame
        Columns actual and predicted, one row a clip: the form that DVC's ``confusion``
        template counts itself.
    """
    names = _categories(classes)
    predicted = scores.ensemble.argmax(axis=1)
    return pd.DataFrame({"actual": names[scores.targets], "predicted": names[predicted]})


def per_class_table(scores: HeldOutScores, classes: Sequence[ClassEntry]) -> pd.DataFrame:
    """Top-1 accuracy of each model on each class, over all test folds.

    Parameters
    ----------
    scores : HeldOutScores
        Predictions on the test folds.
    classes : sequence of ClassEntry
        The classes, as in the splits.

    Returns
    -------
    pd.DataFrame
        Columns category, ensemble, each member, and rank: "ten worst" or "others"; worst
        class of the ensemble first. A class without test clips has no row.
    """
    models: dict[str, npt.NDArray[np.float32]] = {"ensemble": scores.ensemble, **scores.tta}
    table = pd.DataFrame({name: hits(x, scores.targets, 1) for name, x in models.items()})
    table = table.groupby(scores.targets).mean().round(DIGITS)
    table.insert(0, "category", _categories(classes)[table.index])
    table = table.sort_values(["ensemble", "category"], ignore_index=True)
    worst = (table.index < WORST) & (table["ensemble"] < 1)
    return table.assign(rank=np.where(worst, "ten worst", "others"))


def weights_table(ensemble: Mapping[str, Any], folds: Sequence[int]) -> pd.DataFrame:
    """List the fitted weights and temperatures of the ensemble.

    Parameters
    ----------
    ensemble : mapping
        Content of models/ensemble.json.
    folds : sequence of int
        The folds to list.

    Returns
    -------
    pd.DataFrame
        Columns model, fold, weight, temperature.
    """
    return pd.DataFrame(
        [
            {
                "model": member,
                "fold": fold,
                "weight": round(fitted["weights"][member], DIGITS),
                "temperature": round(fitted["temperatures"][member], DIGITS),
            }
            for member in ensemble["members"]
            for fold, fitted in ((fold, ensemble["folds"][str(fold)]) for fold in folds)
        ]
    )


def curves_table(models: Path, members: Sequence[str], folds: Sequence[int]) -> pd.DataFrame:
    """Training curves of all members and folds.

    Parameters
    ----------
    models : Path
        Folder with ``<member>/fold<k>/curves.csv``.
    members : sequence of str
        The members.
    folds : sequence of int
        The folds; others in the folder are left alone.

    Returns
    -------
    pd.DataFrame
        Columns member, fold, epoch, train_loss, validation_loss, validation_top1, lr.

    Raises
    ------
    EarwitnessError
        If a file is missing or lacks a column.
    """
    tables = []
    for member in members:
        for fold in folds:
            path = models / member / f"fold{fold}" / "curves.csv"
            if not path.is_file():
                raise EarwitnessError(f"{path} does not exist: run `dvc repro`")
            table = pd.read_csv(path)
            lacking = sorted(set(CURVES) - set(table.columns))
            if lacking:
                raise EarwitnessError(f"{path} has no column {lacking[0]}: run `dvc repro` again")
            table = table[list(CURVES)]
            table.insert(0, "member", member)
            table.insert(1, "fold", fold)
            tables.append(table)
    # A model that was not trained (0 epochs) has an empty table, whose types mean nothing.
    filled = [table for table in tables if len(table)]
    return pd.concat(filled or tables[:1], ignore_index=True)


def _categories(classes: Sequence[ClassEntry]) -> npt.NDArray[np.object_]:
    return np.array([entry["category"] for entry in classes], dtype=object)
