"""One table of everything that was measured."""

from collections.abc import Iterable
from dataclasses import dataclass

HEAD = (
    "what",
    "clips/s",
    "a core",
    "beside it",
    "its clips/s",
    "ratio",
    "limit, clips/s",
    "of it",
    "asked for",
    "remarks",
)


@dataclass(frozen=True)
class Wanted:
    """What a row must show.

    Attributes
    ----------
    least : float
        The least.
    of : {"ratio", "core"}
        Whether of the ratio, or of the clips a second of a core.
    """

    least: float
    of: str


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes
    ----------
    what : str
        What was done.
    rate : float
        Clips a second of all processes together.
    cores : int
        How many cores that took.
    rival : str
        What it is compared to, in the same run; empty for nothing.
    rival_rate : float
        Its clips a second, on all cores of the machine.
    limit : float
        Clips a second that the machine would allow; 0 where none was computed.
    wanted : Wanted or None
        What must be shown.
    remark : str
        Anything else.
    """

    what: str
    rate: float
    cores: int
    rival: str = ""
    rival_rate: float = 0.0
    limit: float = 0.0
    wanted: Wanted | None = None
    remark: str = ""

    @property
    def ratio(self) -> float:
        """How many times as fast as what it is compared to."""
        return self.rate / self.rival_rate

    @property
    def verdict(self) -> str:
        """Say what was asked for and whether it was met."""
        if self.wanted is None:
            return ""
        least, each = self.wanted.least, self.wanted.of == "core"
        value = self.rate / self.cores if each else self.ratio
        asked = f"{least:g} a core" if each else f"{least:g} x"
        return f"{asked}: {'yes' if value >= least else '**no**'}"

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        return (
            self.what,
            number(self.rate),
            number(self.rate / self.cores),
            self.rival,
            number(self.rival_rate) if self.rival else "",
            f"{self.ratio:.1f} x" if self.rival else "",
            number(self.limit) if self.limit else "",
            f"{self.rate / self.limit:.1%}" if self.limit else "",
            self.verdict,
            self.remark,
        )


def number(value: float) -> str:
    """Write a rate with three digits or more.

    Parameters
    ----------
    value : float
        Not negative.

    Returns
    -------
    str
        As 0.123, 1.23, 12.3, 1,234.
    """
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 1 else f"{value:.{2 if value < 10 else 1}f}"


def markdown(rows: Iterable[Row]) -> str:
    """Set rows as a table.

    Parameters
    ----------
    rows : iterable of Row
        One line each.

    Returns
    -------
    str
        Markdown.
    """
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
