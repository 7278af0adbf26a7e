"""Finding the clips of a data set in any of the shapes people have it in.

ESC-50 comes as the GitHub archive (``meta/esc50.csv``, ``audio/*.wav``), as the Kaggle pack
(``esc50.csv``, ``audio/audio/*.wav`` and further copies in folders by rate) and as an Ogg
release; a person's own data is a folder and a CSV. What they share is a CSV with the columns
of `earwitness.audio.table` and files with the names it lists, somewhere below one folder.
"""

from dataclasses import dataclass
from pathlib import Path

from earwitness.audio.files import AudioFiles
from earwitness.audio.names import is_plain
from earwitness.audio.problems import printable
from earwitness.audio.table import REQUIRED, has_columns, read_table
from earwitness.errors import EarwitnessError

USUAL_CSVS = (Path("meta/esc50.csv"), Path("esc50.csv"))


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
    rows = read_table(table)
    # Numbers are smaller than text, and of a large collection all of this is in memory.
    rows = rows.astype({"fold": "int64", "target": "int64"})
    files = AudioFiles(_base_of(table)) or AudioFiles(root)
    clips: list[Clip] = []
    problems: list[str] = []
    seen: set[str] = set()
    for name, fold, target, category, src_file, take in rows.itertuples(index=False):
        place = files.locate(name) if is_plain(name) else None
        if not is_plain(name):
            problems.append(f"'{printable(name)}': not a plain file name")
        elif place is None:
            problems.append(f"{printable(name)}: no such file")
        elif place[1] in seen:
            problems.append(f"{printable(name)}: listed more than once")
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
    try:
        return _find_csv(root)
    except OSError as error:
        place = error.filename or root
        raise EarwitnessError(
            f"{place} cannot be searched for a data set: {error.strerror}"
        ) from error


def _find_csv(root: Path) -> Path:
    if not root.is_dir():
        raise EarwitnessError(f"there is no data set folder {root}: run the stage fetch first")
    for base in (root, *_folders(root)):
        for usual in USUAL_CSVS:
            if has_columns(base / usual):
                return base / usual
    candidates = sorted(path for path in root.glob("*.csv") if has_columns(path))
    candidates = candidates or sorted(path for path in root.glob("*/*.csv") if has_columns(path))
    if len(candidates) == 1:
        return candidates[0]
    columns = ", ".join(REQUIRED)
    if candidates:
        names = ", ".join(str(path.relative_to(root)) for path in candidates)
        raise EarwitnessError(
            f"{root} has more than one CSV file with the columns {columns} ({names}): leave one"
        )
    raise EarwitnessError(f"{root} has no comma-separated CSV file with the columns {columns}")


def _base_of(table: Path) -> Path:
    """Folder that holds the CSV's audio: the one above ``meta/``, else the CSV's own."""
    return table.parent.parent if table.parent.name == "meta" else table.parent


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] not in "._")
