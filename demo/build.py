"""Build the demo set: 100 clips of ESC-10 that may be redistributed.

Run from the repository root with a copy of ESC-50 in its Ogg release, which has the credits
of each clip in its file LICENSE::

    python -m demo.build /path/to/ESC-50

Of each class and fold two clips are taken, among those credited as CC0 or CC-BY only. The
first is the first CC0 clip by file name, or the first CC-BY clip where there is no CC0 one.
The second is chosen the same way among the clips of other recordings, and only where there
is no other recording among further takes of the first. Files are copied unmodified.
"""

import argparse
import csv
import re
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from earwitness.errors import EarwitnessError
from earwitness.store.atomic import atomic_directory, write_text

CLIPS_PER_CELL = 2
LICENCES = {
    "CC0": "[CC0](https://creativecommons.org/publicdomain/zero/1.0/)",
    "CC-BY": "[CC BY](https://creativecommons.org/licenses/by/3.0/)",
}
CREDIT_LINE = re.compile(
    r"- \[(?P<clip>[^\]]+)\.ogg\]:\s*clip derived from (?P<title>.*) "
    r"\((?P<address>https?://\S+)\) by (?P<author>.*) \[(?P<licence>[^\]]+)\]\s*"
)
HEADER = """\
# Credits of the demo set

The {count} clips in `audio/` are taken, unmodified, from the Ogg release of ESC-50, a data set by
Karol J. Piczak (K. J. Piczak, "ESC: Dataset for Environmental Sound Classification",
Proceedings of the 23rd ACM International Conference on Multimedia, 2015,
<https://doi.org/10.1145/2733373.2806390>, <https://github.com/karolpiczak/ESC-50>). All of them
belong to its ESC-10 subset, which is licensed as a whole under
[CC BY 3.0](https://creativecommons.org/licenses/by/3.0/); `meta/esc50.csv` holds their lines of
the data set's CSV.

Each clip is an extract of about five seconds, made for ESC-50, of a recording that its author
published on Freesound under the licence given. Only recordings that ESC-50 lists as CC0 or CC BY
are here. The list names no version of CC BY: the page of the recording does. Recordings under
CC BY ask that their author is named wherever they, or this folder, are passed on: keep this file
with them.

| file | class | title | author | address | licence |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Credit:
    """Whose recording a clip is."""

    title: str
    author: str
    address: str
    licence: str


def read_credits(text: str) -> dict[str, Credit]:
    """Read ESC-50's LICENSE: the credit of each clip, by clip name without target or suffix."""
    matches = (CREDIT_LINE.fullmatch(line) for line in text.splitlines())
    return {
        match["clip"]: Credit(
            # The list has an invisible character of one title spelled out.
            match["title"].replace("\\u200b", "").strip(),
            match["author"].strip(),
            match["address"],
            match["licence"],
        )
        for match in matches
        if match
    }


def clip_name(row: dict[str, str]) -> str:
    """Name of a CSV row's clip in LICENSE: ``1-100032-A`` for ``1-100032-A-0.ogg``."""
    return f"{row['fold']}-{row['src_file']}-{row['take']}"


def choose(rows: list[dict[str, str]], credits_: dict[str, Credit]) -> list[dict[str, str]]:
    """Choose the demo's rows of ESC-50's CSV, in their order; the module says by what rule."""
    preference = list(LICENCES)
    cells: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        credit = credits_.get(clip_name(row))
        if row["esc10"] == "True" and credit and credit.licence in preference:
            cells[row["category"], row["fold"]].append(row)
    chosen: set[str] = set()
    for cell, candidates in cells.items():
        candidates.sort(
            key=lambda row: (preference.index(credits_[clip_name(row)].licence), row["filename"])
        )
        first = candidates[0]
        others = [row for row in candidates if row["src_file"] != first["src_file"]]
        takes = [row for row in candidates[1:] if row["src_file"] == first["src_file"]]
        picked = [first, *others, *takes][:CLIPS_PER_CELL]
        if len(picked) < CLIPS_PER_CELL:
            raise EarwitnessError(f"class and fold {cell} have too few clips under a free licence")
        chosen.update(row["filename"] for row in picked)
    return [row for row in rows if row["filename"] in chosen]


def credits_page(rows: list[dict[str, str]], credits_: dict[str, Credit]) -> str:
    """Write ATTRIBUTION.md: a line for each of `rows`."""
    lines = []
    for row in rows:
        credit = credits_[clip_name(row)]
        cells = (
            row["filename"],
            row["category"],
            _escape(credit.title),
            _escape(credit.author),
            f"<{credit.address}>",
            LICENCES[credit.licence],
        )
        lines.append(f"| {' | '.join(cells)} |\n")
    return HEADER.format(count=len(rows)) + "".join(lines)


def build(data: Path, target: Path) -> list[dict[str, str]]:
    """Build the demo set in folder `target`, replacing it, from the copy of ESC-50 in `data`."""
    credits_ = read_credits((data / "LICENSE").read_text(encoding="utf-8"))
    with (data / "meta" / "esc50.csv").open(encoding="utf-8", newline="") as file:
        rows = choose(list(csv.DictReader(file)), credits_)
    with atomic_directory(target) as folder:
        for name in ("audio", "meta"):
            (folder / name).mkdir()
        for row in rows:
            shutil.copyfile(data / "audio" / row["filename"], folder / "audio" / row["filename"])
        with (folder / "meta" / "esc50.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        write_text(folder / "ATTRIBUTION.md", credits_page(rows, credits_))
    return rows


def _escape(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|~#])", r"\\\1", text)


def main() -> None:
    """Build ``demo/esc10-mini`` beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of ESC-50's Ogg release")
    target = Path(__file__).parent / "esc10-mini"
    rows = build(parser.parse_args().data, target)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"{len(rows)} clips, {size / 1e6:.1f} MB in {target}")


if __name__ == "__main__":
    main()
