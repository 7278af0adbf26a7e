"""Telling a person about many files at once."""

from collections.abc import Sequence

SHOWN = 20


def enumerate_problems(problems: Sequence[str]) -> str:
    """Join `problems`, one a line; beyond the first 20 only their number is given."""
    lines = [f"  {problem}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"  and {len(problems) - SHOWN} more")
    return "\n".join(lines)
