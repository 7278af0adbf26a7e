"""What a check has found."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One point that was looked at.

    Attributes
    ----------
    point : str
        What, in a word.
    level : {"ok", "note", "problem"}
        A note is worth knowing; a problem would stop the pipeline.
    text : str
        What was found and, unless all is well, what to do.
    """

    point: str
    level: Literal["ok", "note", "problem"]
    text: str


def render(findings: Iterable[Finding]) -> str:
    """Lay out findings, a line each.

    Parameters
    ----------
    findings : iterable of Finding
        In the order of the lines.

    Returns
    -------
    str
        No newline at the end.
    """
    return "\n".join(f"{item.level:7}  {item.point:10}  {item.text}" for item in findings)
