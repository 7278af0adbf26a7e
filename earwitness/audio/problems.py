"""Telling a person about files, of any name and in any number."""

from collections.abc import Sequence

MAX_NAME = 300
MAX_LINES = 10_000


def printable(name: object) -> str:
    """Make a name fit for one line on a terminal.

    Parameters
    ----------
    name : object
        A path or what a CSV calls one.

    Returns
    -------
    str
        With line breaks, terminal codes and bytes that are no UTF-8 as escapes, and the middle
        left out of a name of more than 300 characters.
    """
    text = str(name)
    if not text.isprintable():
        text = "".join(
            letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
            for letter in text
        )
    half = MAX_NAME // 2
    return text if len(text) <= MAX_NAME else f"{text[:half]}...{text[-half:]}"


def tell_unusable(problems: Sequence[str], given: int) -> str:
    """Say which of the `given` files of a person cannot be used: of a single one, only why."""
    if given == 1:
        return problems[0]
    return f"{len(problems)} of {given} files cannot be used:\n{enumerate_problems(problems)}"


def enumerate_problems(problems: Sequence[str]) -> str:
    """Join `problems`, one a line: all of them, for whoever has to mend them.

    Beyond 10,000 the rest is only counted: it is the list that is wrong then, not its lines.
    """
    lines = [f"  {problem}" for problem in problems[:MAX_LINES]]
    if len(problems) > MAX_LINES:
        lines.append(f"  ... and {len(problems) - MAX_LINES} more")
    return "\n".join(lines)
