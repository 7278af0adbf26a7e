import os
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.audio.dataset import Clip, find_clips, find_csv
from earwitness.audio.decode import decode
from earwitness.audio.names import is_plain
from earwitness.errors import EarwitnessError

SaveTone = Callable[..., Path]

HEADER = "filename,fold,target,category,esc10,src_file,take"
NAMES = ("1-100-A-0", "2-200-B-0", "1-300-A-7", "2-300-A-7")


def write_csv(path: Path, suffix: str = "wav", names: Iterable[str] = NAMES) -> Path:
    lines = [HEADER]
    for name in names:
        fold, source, take, target = name.split("-")
        lines.append(f"{name}.{suffix},{fold},{target},class{target},False,{source},{take}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def own_csv(root: Path, text: str, save_tone: SaveTone | None = None) -> Path:
    root.mkdir(exist_ok=True)
    (root / "my clips.csv").write_text(text, encoding="utf-8")
    for line in text.splitlines()[1:]:
        name = line.split(",")[0]
        if save_tone and is_plain(name):
            save_tone(root / name)
    return root


def github(root: Path, save_tone: SaveTone) -> Path:
    write_csv(root / "meta" / "esc50.csv")
    for name in NAMES:
        save_tone(root / "audio" / f"{name}.wav")
    return root


def around_github(root: Path, save_tone: SaveTone) -> Path:
    github(root / "ESC-50-master", save_tone)
    (root / "__MACOSX" / "meta").mkdir(parents=True)
    (root / "__MACOSX" / "meta" / "esc50.csv").write_text(HEADER)
    return root


def kaggle(root: Path, save_tone: SaveTone) -> Path:
    write_csv(root / "esc50.csv")
    for name in NAMES:
        save_tone(root / "audio" / "audio" / f"{name}.wav", rate=22050)
        save_tone(root / "audio" / "audio" / "16000" / f"{name}.wav", rate=16000)
        save_tone(root / "audio" / "audio" / "44100" / f"{name}.wav", rate=44100)
    return root


def ogg(root: Path, save_tone: SaveTone) -> Path:
    write_csv(root / "meta" / "esc50.csv", "ogg")
    for name in NAMES:
        save_tone(root / "audio" / f"{name}.ogg")
    return root


def wav_csv_over_ogg(root: Path, save_tone: SaveTone) -> Path:
    ogg(root, save_tone)
    write_csv(root / "meta" / "esc50.csv", "wav")
    return root


def own(root: Path, save_tone: SaveTone) -> Path:
    write_csv(root / "my clips.csv")
    for name in NAMES:
        save_tone(root / "sounds" / "deep" / f"{name}.wav")
    return root


@pytest.mark.parametrize("layout", [github, around_github, kaggle, ogg, wav_csv_over_ogg, own])
def test_layouts(tmp_path: Path, save_tone: SaveTone, layout: Callable[..., Path]) -> None:
    clips, dropped = find_clips(layout(tmp_path / "data", save_tone))
    assert dropped == []
    assert [Path(clip.filename).stem for clip in clips] == list(NAMES)
    assert [(c.fold, c.target, c.category, c.src_file, c.take) for c in clips] == [
        (1, 0, "class0", "100", "A"),
        (2, 0, "class0", "200", "B"),
        (1, 7, "class7", "300", "A"),
        (2, 7, "class7", "300", "A"),
    ]
    for clip in clips:
        assert clip.path.stem == Path(clip.filename).stem
        assert clip.path.is_file()


def test_of_several_copies_the_highest_rate_wins(tmp_path: Path, save_tone: SaveTone) -> None:
    clips, _ = find_clips(kaggle(tmp_path, save_tone))
    assert {clip.path.parent.name for clip in clips} == {"44100"}


def test_a_damaged_copy_does_not_win(tmp_path: Path, save_tone: SaveTone) -> None:
    kaggle(tmp_path, save_tone)
    (tmp_path / "audio" / "audio" / "44100" / f"{NAMES[0]}.wav").write_bytes(b"")
    clips, _ = find_clips(tmp_path)
    assert clips[0].path == tmp_path / "audio" / "audio" / f"{NAMES[0]}.wav"


def test_links_to_folders_are_followed_once(tmp_path: Path, save_tone: SaveTone) -> None:
    elsewhere = tmp_path / "elsewhere"
    for name in NAMES:
        save_tone(elsewhere / f"{name}.wav")
    root = tmp_path / "data"
    write_csv(root / "esc50.csv")
    (root / "audio").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "loop").symlink_to(elsewhere, target_is_directory=True)
    assert len(find_clips(root)[0]) == len(NAMES)


def test_source_and_take_from_the_name_or_the_clip_itself(
    tmp_path: Path, save_tone: SaveTone
) -> None:
    text = "filename,fold,target,category\n1-100-B-3.wav,1,3,x\nmy.bark.wav,2,3,x\nplain,2,3,x\n"
    own_csv(tmp_path, text)
    for name in ("1-100-B-3", "my.bark", "plain"):
        save_tone(tmp_path / f"{name}.wav")
    clips, _ = find_clips(tmp_path)
    assert [(c.src_file, c.take) for c in clips] == [("100", "B"), ("my.bark", "A"), ("plain", "A")]


def test_a_csv_from_a_spreadsheet(tmp_path: Path, save_tone: SaveTone) -> None:
    text = "\ufefffilename, fold ,target,category,src_file\r\na.wav,01, 2,dög ,007\r\n"
    (tmp_path / "clips.csv").write_text(text, encoding="utf-8", newline="")
    save_tone(tmp_path / "a.wav")
    assert find_clips(tmp_path)[0] == [Clip("a.wav", 1, 2, "dög", "007", "A", tmp_path, "a.wav")]


HOSTILE = ["/etc/passwd", "../x.wav", "..\\x.wav", "C:\\x.wav", "C:x.wav", "..", ".", "a/b.wav"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_lead_elsewhere(tmp_path: Path, save_tone: SaveTone, name: str) -> None:
    save_tone(tmp_path / "x.wav")
    save_tone(tmp_path / "data" / "b.wav")
    save_tone(tmp_path / "data" / "good.wav")
    root = own_csv(
        tmp_path / "data", f"filename,fold,target,category\n{name},1,0,c\ngood.wav,1,0,c\n"
    )
    clips, dropped = find_clips(root)
    assert [clip.filename for clip in clips] == ["good.wav"]
    assert dropped == [f"'{name}': not a plain file name"]


@given(st.text(max_size=20))
def test_plain_names_stay_in_their_folder(name: str) -> None:
    if is_plain(name):
        joined = os.path.normpath(os.path.join("/base", name))  # noqa: PTH118
        assert os.path.dirname(joined) == "/base"  # noqa: PTH120


def test_every_problem_is_named(tmp_path: Path, save_tone: SaveTone) -> None:
    lines = ["filename,fold,target,category", "good.wav,1,0,c", "good.wav,1,0,c", "good.ogg,1,0,c"]
    lines += ["/etc/passwd,1,0,c", *(f"gone{i:02}.wav,1,0,c" for i in range(30))]
    own_csv(tmp_path, "\n".join(lines))
    save_tone(tmp_path / "good.wav")
    clips, problems = find_clips(tmp_path)
    assert [clip.filename for clip in clips] == ["good.wav"]
    assert problems == [
        "good.wav: listed more than once",
        "good.ogg: listed more than once",
        "'/etc/passwd': not a plain file name",
        *(f"gone{i:02}.wav: no such file" for i in range(30)),
    ]


@pytest.mark.parametrize(
    ("name", "source"),
    [("2-dog-10-0.wav", "dog"), ("2024-dog-10-0.wav", "2024-dog-10-0"), ("walk.wav", "walk")],
)
def test_a_name_tells_the_recording_only_where_it_agrees_with_its_row(
    tmp_path: Path, save_tone: SaveTone, name: str, source: str
) -> None:
    own_csv(tmp_path, f"filename,fold,target,category\n{name},2,0,dog\n")
    save_tone(tmp_path / name)
    assert find_clips(tmp_path)[0][0].src_file == source


def test_one_file_under_two_names_is_a_duplicate(tmp_path: Path, save_tone: SaveTone) -> None:
    own_csv(tmp_path, "filename,fold,target,category\na.wav,1,0,c\na.flac,2,0,c\n")
    save_tone(tmp_path / "a.wav")
    assert find_clips(tmp_path)[1] == ["a.flac: listed more than once"]
    save_tone(tmp_path / "a.flac")
    assert find_clips(tmp_path)[1] == []


def test_no_clip_at_all(tmp_path: Path) -> None:
    own_csv(tmp_path, "filename,fold,target,category\na.wav,1,0,c\n")
    with pytest.raises(EarwitnessError, match="none of the 1 files"):
        find_clips(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filename,fold,target,category\n", "lists no clip"),
        ("filename,fold,target,category\na.wav,one,0,c\n", r"fold must be .*a\.wav: 'one'"),
        ("filename,fold,target,category\na.wav,1,0.5,c\n", r"target must be .*a\.wav: '0\.5'"),
        ("filename,fold,target,category\na.wav,1,-1,c\n", "target must be a whole number"),
        ("filename,fold,target,category\na.wav,,1,c\n", "fold must be"),
        (f"filename,fold,target,category\na.wav,{'9' * 5000},1,c\n", "fold must be"),
        ("filename,fold,target,category\na.wav,1,0,c\nb.wav,1,0,d\n", "target 0 .*: c, d"),
        ("filename,fold,target,category\na.wav,1,0,c\nb.wav,1,1,c\n", "category c .*: 0, 1"),
        ("filename,fold,target,category\na.wav,1,0,\n", "empty category"),
        ("filename;fold;target;category\na.wav;1;0;c\n", "no comma-separated CSV file"),
        ("filename,fold,target\na.wav,1,0\n", "no comma-separated CSV file"),
        ('filename,fold,target,category\n"a.wav,1,0,c\n', "cannot be read as CSV"),
    ],
)
def test_a_csv_that_makes_no_sense(
    tmp_path: Path, save_tone: SaveTone, text: str, message: str
) -> None:
    root = own_csv(tmp_path / "data", text)
    save_tone(root / "a.wav")
    save_tone(root / "b.wav")
    with pytest.raises(EarwitnessError, match=rf"(?s)data.*{message}"):
        find_clips(root)


def test_no_folder_no_csv_or_two(tmp_path: Path) -> None:
    with pytest.raises(EarwitnessError, match="no data set folder"):
        find_csv(tmp_path / "missing")
    with pytest.raises(EarwitnessError, match="no comma-separated CSV file"):
        find_csv(tmp_path)
    (tmp_path / "notes.csv").write_bytes(b"\xff\xfe\x00unreadable")
    first = write_csv(tmp_path / "a.csv")
    assert find_csv(tmp_path) == first
    write_csv(tmp_path / "b.csv")
    with pytest.raises(EarwitnessError, match=r"more than one CSV .*a\.csv, b\.csv"):
        find_csv(tmp_path)
    usual = write_csv(tmp_path / "esc50.csv")
    assert find_csv(tmp_path) == usual


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(NAMES))
def test_clips_come_in_the_order_of_the_csv(
    tmp_path_factory: pytest.TempPathFactory, order: list[str]
) -> None:
    root = tmp_path_factory.mktemp("data")
    write_csv(root / "esc50.csv", names=order)
    for name in NAMES:
        (root / f"{name}.wav").touch()
    assert [clip.path.stem for clip in find_clips(root)[0]] == order


@pytest.mark.skipif(
    "EARWITNESS_DATA" not in os.environ, reason="EARWITNESS_DATA does not name a copy of ESC-50"
)
def test_the_real_data_set() -> None:
    clips, dropped = find_clips(Path(os.environ["EARWITNESS_DATA"]))
    assert dropped == []
    assert len(clips) == 2000
    assert len({clip.category for clip in clips}) == 50
    assert {fold: sum(c.fold == fold for c in clips) for fold in range(1, 6)} == dict.fromkeys(
        range(1, 6), 400
    )
    assert len({clip.src_file for clip in clips}) == 1524
    for clip in random.Random(0).sample(clips, 20):
        waveform, rate = decode(clip.path)
        assert rate in (44100, 48000)
        assert len(waveform) / rate > 3
