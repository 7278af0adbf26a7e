"""The CSV of a data set: found by its columns, read as text, and checked."""

import csv
import io
import re
from pathlib import Path

import pandas as pd

from earwitness.audio.names import CONTROL, stem_of
from earwitness.audio.problems import enumerate_problems, printable
from earwitness.errors import EarwitnessError

REQUIRED = ("filename", "fold", "target", "category")
OPTIONAL = ("src_file", "take")
WHOLE_NUMBER = re.compile(r"\d{1,9}")
ESC_NAME = re.compile(r"(?P<fold>\d{1,9})-(?P<src_file>.+)-(?P<take>[^-]+)-(?P<target>\d{1,9})")
CONTROL_CODE = re.compile(f"[{CONTROL}]")
MAX_CSV_BYTES = 200_000_000
MAX_CATEGORY = 200
HEADER_CHARACTERS = 1 << 16


def has_columns(path: Path) -> bool:
    """Whether `path` is a CSV file with the columns of `REQUIRED`."""
    return path.is_file() and set(REQUIRED) <= set(_header(path))


def _header(path: Path) -> list[str]:
    """Names of the columns; none if it is no text that can be read."""
    try:
        # Of a file without line breaks no more than a header's worth; one in another encoding
        # is still found, so that it can be refused by name.
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            header = next(csv.reader(io.StringIO(file.read(HEADER_CHARACTERS))), [])
    except (csv.Error, OSError):
        return []
    return [column.strip() for column in header]


def read_table(table: Path) -> pd.DataFrame:
    """Read and check the CSV of a data set.

    Parameters
    ----------
    table : Path
        With the columns of `REQUIRED` and perhaps those of `OPTIONAL`; others are not read.

    Returns
    -------
    pd.DataFrame
        Columns filename, fold, target, category, src_file and take, as text; the last two by
        the names of the files where the CSV does not say. Names of files are as they come.

    Raises
    ------
    EarwitnessError
        If it is no CSV or too large, lists no clip, has folds or targets that are not whole
        numbers, or categories that are empty or not one to one with the targets, or control
        codes in what will be printed.
    """
    header = _header(table)
    twice = [column for column in (*REQUIRED, *OPTIONAL) if header.count(column) > 1]
    if twice:
        raise EarwitnessError(f"{table} has two columns {twice[0]}: take one out")
    rows = _read_text(table)
    _check_numbers(table, rows)
    _check_one_name_per_class(table, rows)
    for column in rows.columns.difference(["filename"]):
        if any(map(CONTROL_CODE.search, rows[column].unique())):
            raise EarwitnessError(
                f"{table}: some clips have line breaks or control codes in {column}"
            )
    # One column after the other: the pairs of a large collection would take memory of their own.
    for place, column in enumerate(OPTIONAL):
        given = rows[column] if column in rows else [""] * len(rows)
        named = map(_source_of, rows["filename"], rows["fold"], rows["target"])
        rows[column] = [text or found[place] for text, found in zip(given, named, strict=True)]
    checked: pd.DataFrame = rows[[*REQUIRED, *OPTIONAL]]
    return checked


def _read_text(table: Path) -> pd.DataFrame:
    """Read the CSV as text, without space around names and cells."""
    try:
        if table.stat().st_size > MAX_CSV_BYTES:
            raise EarwitnessError(
                f"{table} is larger than {MAX_CSV_BYTES // 1_000_000} MB: split the data set"
            )
        rows = pd.read_csv(
            table,
            usecols=lambda column: column.strip() in (*REQUIRED, *OPTIONAL),
            dtype=str,
            keep_default_na=False,
            index_col=False,
            encoding="utf-8-sig",
        )
    except (ValueError, OSError) as error:
        raise EarwitnessError(f"{table} cannot be read as CSV: {str(error).strip()}") from error
    if rows.empty:
        raise EarwitnessError(f"{table} lists no clip")
    rows.columns = rows.columns.str.strip()
    stripped = rows.apply(lambda column: column.fillna("").str.strip())
    # Plain objects: pandas hands out strings of its own type slowly.
    text: pd.DataFrame = stripped.astype(object)
    return text


def _check_numbers(table: Path, rows: pd.DataFrame) -> None:
    """Check folds and targets, and take leading zeros off them."""
    for column in ("fold", "target"):
        texts = rows[column].unique()
        wrong = rows[rows[column].isin([t for t in texts if not WHOLE_NUMBER.fullmatch(t)])]
        if not wrong.empty:
            raise EarwitnessError(
                f"{table}: {column} must be a whole number from 0 up, but is not for "
                f"{len(wrong)} clips:\n"
                + enumerate_problems(
                    [
                        f"{printable(name)}: {value[:40]!r}"
                        for name, value in zip(wrong["filename"], wrong[column], strict=True)
                    ]
                )
            )
        rows[column] = rows[column].map({text: str(int(text)) for text in texts})


def _check_one_name_per_class(table: Path, rows: pd.DataFrame) -> None:
    if (rows["category"] == "").any():
        raise EarwitnessError(f"{table}: some clips have an empty category")
    if (rows["category"].str.len() > MAX_CATEGORY).any():
        raise EarwitnessError(
            f"{table}: some clips have a category of more than {MAX_CATEGORY} characters"
        )
    pairs = rows[["target", "category"]].drop_duplicates()
    for one, many in (("target", "category"), ("category", "target")):
        twice = pairs[pairs[one].duplicated(keep=False)]
        if not twice.empty:
            value = twice[one].iloc[0]
            found = ", ".join(sorted(printable(name) for name in twice[many][twice[one] == value]))
            raise EarwitnessError(
                f"{table}: {one} {printable(value)} has more than one {many}: {found}"
            )


def _source_of(filename: str, fold: str, target: str) -> tuple[str, str]:
    """Tell recording and take of a clip by its name, else by itself."""
    stem = stem_of(filename)
    match = ESC_NAME.fullmatch(stem)
    # Other people's names may look alike and mean something else: fold and target must agree.
    if match and int(match["fold"]) == int(fold) and int(match["target"]) == int(target):
        return match["src_file"], match["take"]
    return stem, "A"
