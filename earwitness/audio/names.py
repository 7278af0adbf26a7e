"""Names of audio files, as file systems and other people's CSVs have them."""

import re

SUFFIXES = frozenset(
    (".wav", ".ogg", ".oga", ".opus", ".flac", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf")
)
# Characters that break a line or steer a terminal, for use in a regular expression.
CONTROL = r"\0-\x1f\x7f-\x9f\u2028\u2029"
NOT_PLAIN = re.compile(rf"[/\\{CONTROL}]|^[A-Za-z]:")


def is_plain(name: str) -> bool:
    """Whether `name` is a file name only: no folder, drive, way out of one, or control code."""
    return not (name in ("", ".", "..") or NOT_PLAIN.search(name))


def stem_of(name: str) -> str:
    """`name` without the suffix of an audio file; another dot is part of the name."""
    return name.rpartition(".")[0] if has_suffix(name) else name


def has_suffix(name: str) -> bool:
    """Whether a file name ends like an audio file's; the suffix alone is no name."""
    stem, _, suffix = name.rpartition(".")
    return bool(stem) and f".{suffix.lower()}" in SUFFIXES
