"""The audio files of a data set, wherever below its folder they lie."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from earwitness.audio.decode import file_rate
from earwitness.audio.names import has_suffix, stem_of


class AudioFiles:
    """Audio files below a folder, by name: few bytes a file, as there may be a million.

    Parameters
    ----------
    base : Path
        The folder. Links to folders are followed, hidden folders left out.
    """

    def __init__(self, base: Path) -> None:
        # Nearly all values are the one tuple of the folder that holds the clips.
        tuples: dict[tuple[Path, ...], tuple[Path, ...]] = {}
        self._folders: dict[str, tuple[Path, ...]] = {}
        for folder, name in _walk(base):
            if has_suffix(name):
                folders = (*self._folders.get(name, ()), folder)
                self._folders[name] = tuples.setdefault(folders, folders)
        self._names: dict[str, list[str]] | None = None

    def __len__(self) -> int:
        """Count the names."""
        return len(self._folders)

    def locate(self, name: str) -> tuple[Path, str] | None:
        """Find the file of a clip.

        Parameters
        ----------
        name : str
            As the data set's CSV has it.

        Returns
        -------
        tuple of (Path, str) or None
            Folder and name of the file so called, else of one that differs in its suffix; of
            several copies, of the one with the highest sample rate. A file's name stands for
            one of its copies only, whatever it was found by.
        """
        names = [name] if name in self._folders else self._by_stem().get(stem_of(name), [])
        copies = [(folder, file) for file in names for folder in self._folders[file]]
        if len(copies) <= 1:
            return copies[0] if copies else None
        return min(copies, key=lambda place: _preference(place[0] / place[1]))

    def _by_stem(self) -> dict[str, list[str]]:
        """Names by what they are without their suffix: only made when a name is not found."""
        if self._names is None:
            self._names = defaultdict(list)
            for file in self._folders:
                self._names[stem_of(file)].append(file)
        return self._names


def _walk(base: Path) -> Iterator[tuple[Path, str]]:
    """Folder and name of each file below `base`.

    Links to folders are followed, but never twice through one folder.
    """
    entered: set[Path] = set()
    for folder, subfolders, names in os.walk(base, followlinks=True):
        # Hidden folders and those of macOS archives hold no clips, only their shadows.
        subfolders[:] = sorted(n for n in subfolders if not n.startswith((".", "__")))
        real = Path(folder).resolve()
        if real in entered:
            subfolders.clear()
            continue
        entered.add(real)
        above = Path(folder)
        yield from ((above, name) for name in sorted(names) if not name.startswith("._"))


def _preference(path: Path) -> tuple[int, int, str]:
    return -file_rate(path), len(path.parts), path.as_posix()
