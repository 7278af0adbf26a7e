"""Telling a person about many files at once."""

from collections.abc import Sequence


def enumerate_problems(problems: Sequence[str]) -> str:
    """Join `problems`, one a line: all of them, for whoever has to mend them."""
    return "\n".join(f"  {problem}" for problem in problems)
