"""What ``python -m earwitness predict`` prints."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from earwitness.__main__ import main
from tests.classify.conftest import Predict

COLUMNS = ["file", "scope", "start", "end", "rank", "label", "probability"]


def table_of(out: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(out))


def test_a_folder_is_searched_and_each_file_gets_its_top_classes(
    predict: Predict, sounds: Path
) -> None:
    code, out, _ = predict(sounds, "--format", "csv", "--top", 2)
    table = table_of(out)
    assert code == 0
    assert table.columns.tolist() == COLUMNS
    names = [Path(name).name for name in table.file]
    assert names == ["a.wav", "a.wav", "b.flac", "b.flac", "c.ogg", "c.ogg"]
    assert set(table.scope) == {"file"}
    assert table["rank"].tolist() == [1, 2] * 3
    assert table.end[::2].tolist() == [1.0, 1.042, 0.25]
    assert set(table.label) <= {"dog", "rain", "saw"}
    first, second = table.probability[0::2].to_numpy(), table.probability[1::2].to_numpy()
    assert (first >= second).all()


def test_a_prediction_waits_for_no_library_that_it_does_not_use() -> None:
    """Each of them takes a third of a second or more of the first one's time."""
    modules = "earwitness.prediction, earwitness.classify.files, earwitness.guesses"
    unused = {"pandas", "scipy.optimize", "sklearn", "matplotlib", "librosa", "onnxruntime"}
    program = f"import sys, {modules}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True
    )
    assert not unused & set(loaded.stdout.split())


def test_formats_say_the_same(predict: Predict, sounds: Path, long_file: Path) -> None:
    files = (sounds / "a.wav", long_file)
    rows = json.loads(predict(*files, "--format", "json")[1])
    table = table_of(predict(*files, "--format", "csv")[1])
    assert rows == table.to_dict("records")
    assert sum(row["probability"] for row in rows[:3]) == pytest.approx(1.0, abs=1e-5)
    lines = predict(*files)[1].splitlines()
    assert len(lines) == len(rows)
    for row, line in zip(rows, lines, strict=True):
        assert line.endswith(f"{row['probability']:.3f}  {row['label']}")


def test_a_table_of_short_files_is_plain(predict: Predict, sounds: Path) -> None:
    out = predict(sounds / "a.wav", sounds / "a.wav")[1].splitlines()
    assert out[:3] == out[3:]
    name, probability, label = out[0].split()
    assert (name, label) == (str(sounds / "a.wav"), out[0].split()[-1])
    assert 0 < float(probability) < 1
    assert out[1].startswith(" " * len(name))


def test_a_long_recording_has_rows_for_each_window_and_their_mean(
    predict: Predict, long_file: Path
) -> None:
    table = table_of(predict(long_file, "--format", "csv")[1])
    first = table[table["rank"] == 1]
    assert first.scope.tolist() == ["window"] * 4 + ["file"]
    assert first.start.tolist() == [0.0, 1.0, 2.0, 2.5, 0.0]
    assert first.end.tolist() == [1.0, 2.0, 3.0, 3.5, 3.5]
    windows = table[table.scope == "window"].groupby("label").probability.mean()
    whole = table[table.scope == "file"].set_index("label").probability
    np.testing.assert_allclose(whole, windows[whole.index], atol=1e-5)
    text = predict(long_file)[1]
    assert "0:02.5 - 0:03.5" in text
    assert "mean of 4 windows" in text


def test_windows_and_hops_can_be_set(predict: Predict, long_file: Path) -> None:
    out = predict(long_file, "--format", "csv", "--window", 0.5, "--hop", 1.25)[1]
    table = table_of(out)
    first = table[(table["rank"] == 1) & (table.scope == "window")]
    assert first.start.tolist() == [0.0, 1.25, 2.5]
    assert first.end.tolist() == [0.5, 1.75, 3.0]
    whole = table_of(predict(long_file, "--format", "csv", "--no-windows")[1])
    assert whole.scope.tolist() == ["file"] * 3
    assert whole.end.tolist() == [3.5] * 3


@pytest.mark.parametrize("separator", [b"\n", b"\r\n", b"\0"])
def test_paths_can_come_from_standard_input(
    predict: Predict, sounds: Path, separator: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [sounds / "inner", sounds / "a.wav", sounds / "a.wav"]
    content = separator.join(str(path).encode() for path in paths) + separator * 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    code, out, _ = predict("-", "--format", "csv", "--top", 1)
    assert code == 0
    names = [Path(name).name for name in table_of(out).file]
    assert names == ["b.flac", "c.ogg", "a.wav", "a.wav"]


def test_a_file_is_called_what_it_was_called(
    predict: Predict, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked can find it again: no name is shortened, changed or made neat."""
    monkeypatch.chdir(sounds)
    deep = Path(*["folder with a name" + "." * 100] * 3)
    deep.mkdir(parents=True)
    # The last name is not UTF-8.
    names = [
        "./a.wav",
        "-",
        str(deep / "a.wav"),
        "caf\xa0e.wav",
        "日本.wav",
        os.fsdecode(b"\xe9.wav"),
    ]
    for name in names[1:]:
        shutil.copyfile("a.wav", name)
    content = "\0".join(names).encode(errors="surrogateescape")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    rows = json.loads(predict("-", "--format", "json", "--top", 1)[1])
    assert [row["file"] for row in rows] == [*names[:-1], "\\udce9.wav"]
    table = table_of(predict("./-", *names[2:], "--format", "csv", "--top", 1)[1])
    assert table.file.tolist() == ["./-", *names[2:-1], "\\udce9.wav"]


def test_missing_files_are_all_named_or_all_left_out(
    predict: Predict, sounds: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = (sounds / "gone1.wav", sounds / "a.wav", sounds / "gone2.wav")
    code, out, err = predict(*paths)
    assert (code, out) == (2, "")
    assert "2 of 3 files cannot be used" in err
    assert all(f"gone{number}.wav does not exist" in err for number in (1, 2))
    code, out, _ = predict(*paths, "--format", "csv", "--top", 1, "--on-bad", "drop")
    assert code == 0
    assert table_of(out).file.tolist() == [str(sounds / "a.wav")]
    assert all(f"gone{number}.wav cannot be read" in caplog.text for number in (1, 2))


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_names_need_not_be_in_the_characters_of_the_terminal(
    predict: Predict, sounds: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sounds / "a.wav").rename(sounds / "日本.wav")
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert predict(sounds / "日本.wav", "--format", form)[0] == 0
    written = terminal.buffer.getvalue()  # type: ignore[attr-defined]
    assert (b"\\u65e5\\u672c.wav" if form == "table" else "日本.wav".encode()) in written


def test_a_full_disk_is_told(models: Path, sounds: Path) -> None:
    command = [sys.executable, "-m", "earwitness", "predict", sounds / "a.wav", "--model", models]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "predict: the result cannot be written: No space left on device\n"


def test_results_do_not_depend_on_the_company(
    predict: Predict, sounds: Path, long_file: Path
) -> None:
    alone = predict(sounds / "a.wav", "--format", "json")[1]
    files = [sounds / "inner", long_file, *[sounds / "a.wav"] * 20]
    together = json.loads(predict(*files, "--format", "json")[1])
    for row, expected in zip(together[-3:], json.loads(alone), strict=True):
        assert row | {"probability": 0} == expected | {"probability": 0}
        assert row["probability"] == pytest.approx(expected["probability"], abs=2e-6)


def test_members_can_be_chosen(predict: Predict, sounds: Path) -> None:
    def probabilities(*options: str) -> list[float]:
        out = predict(sounds / "a.wav", "--format", "csv", *options)[1]
        return table_of(out).sort_values("label").probability.tolist()

    both = probabilities("--members", "yamnet, spec_cnn")
    assert both == probabilities()
    assert probabilities("--members", "yamnet") != both
    assert probabilities("--fold", "2") != both
    assert probabilities("--fold", "all") not in (both, probabilities("--fold", "2"))
    assert probabilities("--fold", "1") == both
    assert probabilities("--shifts") != both


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.wav"], "nowhere.wav does not exist"),
        (["SOUNDS/notes.txt"], "notes.txt"),
        (["SOUNDS", "--top", "0"], "at least one class"),
        (["SOUNDS", "--fold", "9"], "no fold 9: there are 1, 2, and all for their mean"),
        (["SOUNDS", "--fold", "first-class"], "no fold first-class"),
        (["SOUNDS", "--model", "SOUNDS"], "train the ensemble with `dvc repro`"),
        (["EMPTY"], "no audio files"),
        (["-"], "the list on standard input is empty"),
        (
            ["SOUNDS", "--members", "spec_cnn,panns"],
            "no member 'panns': there are spec_cnn, yamnet",
        ),
        (["SOUNDS", "--members", ","], "--members names none"),
        (["SOUNDS", "--hop", "0"], "--hop 0: give seconds"),
        (["SOUNDS", "--window", "nan"], "--window nan: give seconds"),
        (["SOUNDS", "--window", "7"], "the models read 1 s at a time"),
        (["SOUNDS", "--hop", "2", "--no-windows"], "--no-windows leaves nothing"),
        (["SOUNDS", "--model", "a.onnx", "--members", "yamnet"], "--members is for a folder"),
        (["SOUNDS", "--model", "a.onnx", "--fold", "0"], "--fold is for a folder"),
        (["SOUNDS", "--model", "a.onnx", "--shifts"], "--shifts is for a folder"),
    ],
)
def test_a_mistake_is_one_sentence(
    predict: Predict,
    sounds: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    places = {"SOUNDS": str(sounds), "EMPTY": str(tmp_path / "empty")}
    for word, place in places.items():
        arguments = [argument.replace(word, place) for argument in arguments]
    code, out, err = predict(*arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["predict", "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    options = "PATH --format --top --window --hop --no-windows --model --members --fold --shifts"
    for option in [*options.split(), "--on-bad", "examples:", *COLUMNS]:
        assert option in said


def test_an_exported_model_takes_the_place_of_the_folder(
    predict: Predict, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sure:
        seconds = 1.0
        resampler = "HQ"

        def __init__(self, path: Path) -> None:
            assert path == Path("ensemble.onnx")
            self.sample_rates = {8000}
            self.categories = ["cat", "cow"]

        def log_probs(self, waveforms: dict[int, Any]) -> Any:
            assert waveforms[8000].shape[1] == 8000
            return np.log(np.tile([0.25, 0.75], (len(waveforms[8000]), 1)))

    module = type(sys)("earwitness.export.runtime")
    monkeypatch.setattr(module, "OnnxModel", Sure, raising=False)
    monkeypatch.setitem(sys.modules, "earwitness.export.runtime", module)
    monkeypatch.setitem(sys.modules, "earwitness.export", type(sys)("earwitness.export"))
    code, out, _ = predict(sounds, "--model", "ensemble.onnx", "--format", "csv", "--top", 1)
    assert code == 0
    assert table_of(out).label.tolist() == ["cow"] * 3
