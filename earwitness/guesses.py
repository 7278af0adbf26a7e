"""What the ensemble says of a person's files, and how it is laid out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from earwitness.store.atomic import FORMULA_STARTS


@dataclass(frozen=True)
class Guess:
    """One class for one file.

    Attributes
    ----------
    file : str
        The file as it was named or found, in printable characters.
    rank : int
        From 1.
    label : str
        Category.
    probability : float
        Of the ensemble, in [0, 1].
    """

    file: str
    rank: int
    label: str
    probability: float


def render(guesses: Sequence[Guess], form: str) -> str:
    """Lay out guesses as text.

    Parameters
    ----------
    guesses : sequence of Guess
        As `classify_files` returns them.
    form : {"table", "csv", "json"}
        The format.

    Returns
    -------
    str
        Ending in a newline.
    """
    if form == "table":
        width = max(len(guess.file) for guess in guesses)
        lines = [
            f"{guess.file if guess.rank == 1 else '':<{width}}  "
            f"{guess.probability:6.3f}  {guess.label}"
            for guess in guesses
        ]
        return "\n".join(lines) + "\n"
    table = pd.DataFrame([vars(guess) for guess in guesses])
    if form == "csv":
        for column in ("file", "label"):
            table[column] = table[column].map(_no_formula)
        return str(table.to_csv(index=False, lineterminator="\n"))
    return json.dumps(table.to_dict("records"), indent=2, ensure_ascii=False) + "\n"


def _no_formula(cell: str) -> str:
    """As in the CSVs of the pipeline: a file may be called what a spreadsheet would run."""
    return "'" + cell if cell.startswith(FORMULA_STARTS) else cell
