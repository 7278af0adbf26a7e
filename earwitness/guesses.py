"""What a model says of a person's files, and how it is laid out."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from earwitness.audio.names import CONTROL
from earwitness.audio.problems import printable
from earwitness.store.atomic import FORMULA_STARTS

# What os.fsdecode makes of bytes that are no UTF-8 are lone surrogates.
NO_TEXT = re.compile(rf"[{CONTROL}\ud800-\udfff]")


@dataclass(frozen=True)
class Guess:
    """One class for one file, or for a window of it.

    Attributes
    ----------
    file : str
        The file as it was named or found.
    scope : {"file", "window"}
        What the guess is about. Every file has rows of its own; those of a recording that was
        cut into windows are the mean of the windows' probabilities.
    start, end : float
        Seconds in the file.
    rank : int
        From 1.
    label : str
        Category.
    probability : float
        In [0, 1].
    """

    file: str
    scope: Literal["file", "window"]
    start: float
    end: float
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
        return "\n".join(_table(guesses)) + "\n"
    import pandas as pd  # a third of a second that a table can do without

    table = pd.DataFrame([vars(guess) for guess in guesses])
    table["file"] = table["file"].map(_without_control)
    if form == "csv":
        for column in ("file", "label"):
            table[column] = table[column].map(_no_formula)
        return str(table.to_csv(index=False, lineterminator="\n"))
    return json.dumps(table.to_dict("records"), indent=2, ensure_ascii=False) + "\n"


def clock(seconds: float) -> str:
    """Write a time as 1:02.5 or 1:00:02.5 (minutes, hours only where there are any)."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest / 10:04.1f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def _table(guesses: Sequence[Guess]) -> Iterator[str]:
    """Name each file once, and each window where there are any."""
    parts: list[tuple[str, str, list[Guess]]] = []
    for file, of_file in groupby(guesses, key=lambda guess: guess.file):
        name = printable(file)
        windows = 0
        for (scope, start, end), own in groupby(of_file, lambda g: (g.scope, g.start, g.end)):
            heading = f"{clock(start)} - {clock(end)}"
            if scope == "file":
                heading = f"mean of {windows} windows" if windows else ""
            parts.append(("" if windows else name, heading, list(own)))
            windows = windows + 1 if scope == "window" else 0
    width, times = (max(len(part[column]) for part in parts) for column in (0, 1))
    for name, heading, rows in parts:
        for row in rows:
            first = row.rank == 1
            place = f"  {heading if first else '':<{times}}" if times else ""
            shown = name if first else ""
            yield f"{shown:<{width}}{place}  {row.probability:6.3f}  {row.label}"


def _without_control(name: str) -> str:
    """Escape what steers terminals or ends a line, and bytes that are no UTF-8, in a name."""
    return NO_TEXT.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), name)


def _no_formula(cell: str) -> str:
    """As in the CSVs of the pipeline: a file may be called what a spreadsheet would run."""
    return "'" + cell if cell.startswith(FORMULA_STARTS) else cell
