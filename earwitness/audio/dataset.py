"""Finding the clips of a data set in any of the shapes people have it in.

ESC-50 comes as the GitHub archive (``meta/esc50.csv``, ``audio/*.wav``), as the Kaggle pack
(``esc50.csv``, ``audio/audio/*.wav`` and further copies in folders by rate) and as an Ogg
release; a person's own data is a folder and a CSV. What they share is a CSV with the columns
of `REQUIRED` and files with the names it lists, somewhere below one folder.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from earwitness.audio.files import AudioFiles, stem_of
from earwitness.audio.problems import enumerate_problems
from earwitness.errors import EarwitnessError

REQUIRED = ("filename", "fold", "target", "category")
USUAL_CSVS = (Path("meta/esc50.csv"), Path("esc50.csv"))
WHOLE_NUMBER = re.compile(r"\d{1,9}")
NOT_PLAIN = re.compile(r"[/\\\0]|^[A-Za-z]:")
ESC_NAME = re.compile(r"(?P<fold>\d+)-(?P<src_file>.+)-(?P<take>[^-]+)-(?P<target>\d+)")


@dataclass(frozen=True, slots=True)
class Clip:
    """One line of the data set's CSV.

    Attributes
    ----------
    filename : str
        As the CSV has it.
    fold, target : int
        Fold and class of the clip.
    category : str
        Name of the class.
    src_file, take : str
        The recording the clip was cut from, and which cut it is.
    folder : Path
        Where the audio file is.
    file : str
        Its name there, which may have another suffix than `filename`.
    """

    filename: str
    fold: int
    target: int
    category: str
    src_file: str
    take: str
    # In two parts: a path of its own for each of a million clips takes 200 MB.
    folder: Path
    file: str

    @property
    def path(self) -> Path:
        """The audio file."""
        return self.folder / self.file


def find_clips(root: Path) -> tuple[list[Clip], list[str]]:
    """List the clips of the data set in a folder.

    Parameters
    ----------
    root : Path
        The data set's folder, or the folder around it.

    Returns
    -------
    clips : list of Clip
        In the order of the CSV.
    problems : list of str
        Clips that are missing, listed twice (the first line stays) or not named plainly, and
        why: one entry a line of the CSV.

    Raises
    ------
    EarwitnessError
        If there is no CSV or more than one, it cannot be understood, or no clip is usable.
    """
    table = find_csv(root)
    rows = _read_rows(table)
    # Numbers are smaller than text, and of a large collection all of this is in memory.
    rows = rows.astype({"fold": "int64", "target": "int64"})
    files = AudioFiles(_base_of(table)) or AudioFiles(root)
    clips: list[Clip] = []
    problems: list[str] = []
    seen: set[str] = set()
    for name, fold, target, category, src_file, take in rows.itertuples(index=False):
        place = files.locate(name) if is_plain(name) else None
        if not is_plain(name):
            problems.append(f"{name!r}: not a plain file name")
        elif place is None:
            problems.append(f"{name}: no such file")
        elif place[1] in seen:
            problems.append(f"{name}: listed more than once")
        else:
            seen.add(place[1])
            clips.append(Clip(name, fold, target, category, src_file, take, *place))
    if not clips:
        raise EarwitnessError(f"none of the {len(rows)} files that {table} names is below {root}")
    return clips, problems


def find_csv(root: Path) -> Path:
    """Find the CSV of the data set in folder `root` or in a folder just below it.

    Raises
    ------
    EarwitnessError
        If there is none with the columns filename, fold, target and category, or several.
    """
    if not root.is_dir():
        raise EarwitnessError(f"there is no data set folder {root}: run the stage fetch first")
    for base in (root, *_folders(root)):
        for usual in USUAL_CSVS:
            if _has_columns(base / usual):
                return base / usual
    candidates = sorted(path for path in root.glob("*.csv") if _has_columns(path))
    candidates = candidates or sorted(path for path in root.glob("*/*.csv") if _has_columns(path))
    if len(candidates) == 1:
        return candidates[0]
    columns = ", ".join(REQUIRED)
    if candidates:
        names = ", ".join(str(path.relative_to(root)) for path in candidates)
        raise EarwitnessError(
            f"{root} has more than one CSV file with the columns {columns} ({names}): leave one"
        )
    raise EarwitnessError(f"{root} has no comma-separated CSV file with the columns {columns}")


def is_plain(name: str) -> bool:
    """Whether `name` is a file name only: no folder, drive, or way out of one."""
    return not (name in ("", ".", "..") or NOT_PLAIN.search(name))


def _base_of(table: Path) -> Path:
    """Folder that holds the CSV's audio: the one above ``meta/``, else the CSV's own."""
    return table.parent.parent if table.parent.name == "meta" else table.parent


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] not in "._")


def _has_columns(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except (csv.Error, UnicodeDecodeError, OSError):
        return False
    return set(REQUIRED) <= {column.strip() for column in header}


def _read_rows(table: Path) -> pd.DataFrame:
    """Read and check the CSV: filename, fold, target, category, src_file, take, as text."""
    try:
        rows = pd.read_csv(
            table, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig"
        )
    except (ValueError, OSError) as error:
        raise EarwitnessError(f"{table} cannot be read as CSV: {str(error).strip()}") from error
    if rows.empty:
        raise EarwitnessError(f"{table} lists no clip")
    rows.columns = rows.columns.str.strip()
    rows = rows.apply(lambda column: column.fillna("").str.strip())
    for column in ("fold", "target"):
        wrong = rows[~rows[column].map(lambda text: bool(WHOLE_NUMBER.fullmatch(text)))]
        if not wrong.empty:
            raise EarwitnessError(
                f"{table}: {column} must be a whole number from 0 up, but is not for "
                f"{len(wrong)} clips:\n"
                + enumerate_problems(
                    [f"{r.filename}: {r[column][:40]!r}" for _, r in wrong.iterrows()]
                )
            )
        rows[column] = rows[column].map(lambda text: str(int(text)))
    _check_one_name_per_class(table, rows)
    sources = [_source_of(row) for _, row in rows.iterrows()]
    rows["src_file"], rows["take"] = zip(*sources, strict=True)
    checked: pd.DataFrame = rows[[*REQUIRED, "src_file", "take"]]
    return checked


def _check_one_name_per_class(table: Path, rows: pd.DataFrame) -> None:
    for one, many in (("target", "category"), ("category", "target")):
        for value, group in rows.groupby(one)[many]:
            if group.nunique() > 1:
                found = ", ".join(sorted(group.unique()))
                raise EarwitnessError(f"{table}: {one} {value} has more than one {many}: {found}")
    if (rows["category"] == "").any():
        raise EarwitnessError(f"{table}: some clips have an empty category")


def _source_of(row: "pd.Series[str]") -> tuple[str, str]:
    """Tell recording and take of a row by its columns, else its name, else by itself."""
    stem = stem_of(row["filename"])
    match = ESC_NAME.fullmatch(stem)
    from_name = (stem, "A")
    # Other people's names may look alike and mean something else: fold and target must agree.
    if match and all(int(match[key]) == int(row[key]) for key in ("fold", "target")):
        from_name = (match["src_file"], match["take"])
    return row.get("src_file", "") or from_name[0], row.get("take", "") or from_name[1]
