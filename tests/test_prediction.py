"""Classifying files from the command line."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch

from earwitness.__main__ import main
from earwitness.audio.decode import load_clip
from earwitness.inference.member import load_member
from earwitness.prediction import Ensemble
from tests.trained import finetune_params, train_backbone, train_network_member


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of two members and two folds."""
    root = tmp_path_factory.mktemp("models")
    for fold in ("fold1", "fold2"):
        train_network_member(root / "members" / "spec_cnn" / fold)
        train_backbone(root / "members" / "yamnet" / fold, 1, finetune_params())
    fitted = {
        "weights": {"spec_cnn": 0.25, "yamnet": 0.5},
        "temperatures": {"spec_cnn": 2.0, "yamnet": 1.5},
        "tta_shifts_seconds": [0.0, 0.1],
    }
    content = {
        "members": ["spec_cnn", "yamnet"],
        "folds": {"1": fitted, "2": fitted},
    }
    (root / "ensemble.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Files of other rates, channels and lengths than the models were trained on."""
    folder = tmp_path / "sounds"
    (folder / "inner").mkdir(parents=True)
    rng = np.random.default_rng(0)
    sf.write(folder / "a.wav", rng.normal(0, 0.1, 22050), 22050)
    sf.write(folder / "inner" / "b.flac", rng.normal(0, 0.1, (48000 * 3, 2)), 48000)
    sf.write(folder / "inner" / "c.ogg", rng.normal(0, 0.1, 4000), 16000)
    (folder / "notes.txt").write_text("not audio")
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["predict", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_folder_is_searched_and_each_file_gets_its_top_classes(
    models: Path, sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, sounds, "--model", models, "--format", "csv", "--top", 2)
    table = pd.read_csv(io.StringIO(out))
    assert code == 0
    assert table.columns.tolist() == ["file", "rank", "label", "probability"]
    names = [Path(name).name for name in table.file]
    assert names == ["a.wav", "a.wav", "b.flac", "b.flac", "c.ogg", "c.ogg"]
    assert table["rank"].tolist() == [1, 2] * 3
    assert set(table.label) <= {"dog", "rain", "saw"}
    first, second = table.probability[0::2].to_numpy(), table.probability[1::2].to_numpy()
    assert (first >= second).all()


def test_formats_say_the_same(
    models: Path, sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = sounds / "a.wav"
    rows = json.loads(run(capsys, file, "--model", models, "--format", "json")[1])
    table = pd.read_csv(io.StringIO(run(capsys, file, "--model", models, "--format", "csv")[1]))
    assert rows == table.to_dict("records")
    assert sum(row["probability"] for row in rows) == pytest.approx(1.0, abs=1e-5)
    text = run(capsys, file, "--model", models)[1]
    for row in rows:
        assert f"{row['probability']:.3f}  {row['label']}" in text


def test_one_folds_ensemble_is_the_pool_of_its_members(models: Path, sounds: Path) -> None:
    clip = load_clip(sounds / "inner" / "b.flac", 16000, 1.0, "HQ")[None]
    ensemble = Ensemble(models, fold=1)
    pooled = torch.zeros(1, 3, dtype=torch.float64)
    for name, weight, temperature in (("spec_cnn", 0.25, 2.0), ("yamnet", 0.5, 1.5)):
        member = load_member(models / "members" / name / "fold1", torch.device("cpu"))
        both = [member.logits(clip), member.logits(np.roll(clip, 1600, axis=1))]
        logits = torch.from_numpy(np.mean(both, axis=0)).double()
        pooled += weight * torch.log_softmax(logits / temperature, 1)
    expected = torch.log_softmax(pooled, 1).numpy()
    np.testing.assert_allclose(ensemble.log_probs({16000: clip}), expected, atol=1e-5)


def test_over_folds_probabilities_are_averaged(models: Path, sounds: Path) -> None:
    clip = load_clip(sounds / "a.wav", 16000, 1.0, "HQ")[None]
    both = np.exp(Ensemble(models, fold=None).log_probs({16000: clip}))
    each = [np.exp(Ensemble(models, fold=fold).log_probs({16000: clip})) for fold in (1, 2)]
    np.testing.assert_allclose(both, np.mean(each, axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.wav"], "nowhere.wav does not exist"),
        (["SOUNDS/notes.txt"], "notes.txt"),
        (["SOUNDS", "--top", "0"], "at least one class"),
        (["SOUNDS", "--fold", "9"], "no fold 9"),
        (["SOUNDS", "--model", "SOUNDS"], "train the ensemble with `dvc repro`"),
        (["EMPTY"], "no audio files"),
    ],
)
def test_a_mistake_is_one_sentence(
    models: Path,
    sounds: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"SOUNDS": str(sounds), "EMPTY": str(tmp_path / "empty")}
    for word, place in places.items():
        arguments = [argument.replace(word, place) for argument in arguments]
    if "--model" not in arguments:
        arguments = [*arguments, "--model", str(models)]
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["predict", "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    for option in ("PATH", "--format", "--top", "--model", "--fold"):
        assert option in said
