import resource
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from earwitness.errors import EarwitnessError
from earwitness.schema.finetune import FinetuneParams
from earwitness.schema.nets.spec_cnn import NetParams
from earwitness.schema.train import TrainParams
from stages.params import ParamsFile, open_params
from tests.stages.valid_params import REMOVED, VALID, changed

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("demo/**/params*.yaml"))


def write(folder: Path, params: dict) -> Path:
    path = folder / "params.yaml"
    with path.open("w") as stream:
        YAML(typ="safe", pure=True).dump(params, stream)
    return path


def problems(folder: Path, changes: dict) -> str:
    with pytest.raises(EarwitnessError) as caught:
        open_params(write(folder, changed(changes)))
    return str(caught.value)


@pytest.fixture
def params(tmp_path: Path) -> ParamsFile:
    return open_params(write(tmp_path, VALID))


def test_values_come_back_with_their_types(params: ParamsFile) -> None:
    assert params.get("seed", int) == 42
    assert params.get("folds", tuple) == (1, 2)
    assert params.get("prepare.seconds", float) == 5.0
    assert params.get("data.name", str) == "tiny"
    assert params.get("features.spec_cnn.center", bool) is True
    train = params.get("train.spec_cnn", TrainParams)
    assert train.net == NetParams(
        widths=(8, 16),
        blocks=1,
        se_reduction=4,
        stem_stride=2,
        downsample="stride",
        residual=True,
        pooling="mean_max",
        dropout=0.2,
    )
    assert params.get("train.spec_cnn.loop.epochs", int) == 2
    assert params.get("finetune.yamnet", FinetuneParams).unfreeze_last_n is None


def test_parameters_cannot_be_changed(params: ParamsFile) -> None:
    with pytest.raises(AttributeError):
        params.get("train.spec_cnn", TrainParams).lr = 1.0  # type: ignore[misc]


def test_asking_for_a_key_that_is_not_there(params: ParamsFile) -> None:
    with pytest.raises(EarwitnessError, match=r"no train\.resnet: train has spec_cnn"):
        params.get("train.resnet", TrainParams)
    with pytest.raises(EarwitnessError, match=r"seed\.x: seed has no keys"):
        params.get("seed.x", int)


@pytest.mark.parametrize(("key", "kind"), [("seed", float), ("features.spec_cnn.center", int)])
def test_asking_for_the_wrong_type_is_a_mistake_in_the_code(
    params: ParamsFile, key: str, kind: type
) -> None:
    with pytest.raises(TypeError, match=key):
        params.get(key, kind)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train.spec_cnn.loop.epochs": "ten"},
            "train.spec_cnn.loop.epochs must be an integer, not the string 'ten'",
        ),
        ({"train.spec_cnn.loop.epochs": 2.0}, "loop.epochs must be an integer, not 2.0"),
        ({"train.spec_cnn.loop.epochs": True}, "loop.epochs must be an integer, not true"),
        ({"train.spec_cnn.lr": "0.1"}, "train.spec_cnn.lr must be a number, not the string '0.1'"),
        ({"train.spec_cnn.lr": True}, "train.spec_cnn.lr must be a number, not true"),
        ({"train.spec_cnn.lr": None}, "train.spec_cnn.lr must be a number, not null"),
        ({"train.spec_cnn.lr": 0}, "train.spec_cnn.lr must be greater than 0"),
        ({"features.spec_cnn.center": 1}, "features.spec_cnn.center must be true or false, not 1"),
        ({"data.name": 50}, "data.name must be a string, not 50"),
        ({"folds": 1}, "folds must be a list, not 1"),
        ({"folds": [1, "2"]}, "folds[1] must be an integer, not the string '2'"),
        ({"prepare": 5.0}, "prepare must be a section with keys below it, not 5.0"),
        ({"train": []}, "train must be a section with keys below it, not a list"),
        ({"train.spec_cnn": 3}, "train.spec_cnn must be a section with keys below it, not 3"),
        ({"prepare.resampler": "best"}, "prepare.resampler must be 'QQ', 'LQ', 'MQ', 'HQ' or"),
        (
            {"features.spec_cnn.kind": "mfcc"},
            "features.spec_cnn.kind must be 'spectrogram' or 'waveform', not the string 'mfcc'",
        ),
        ({"features.spec_cnn.kind": REMOVED}, "features.spec_cnn.kind is missing"),
        (
            {"features.spec_cnn.n_mel": 4},
            "features.spec_cnn.n_mel is not a known key; did you mean",
        ),
        ({"features": {}}, "features.spec_cnn is missing: model.networks lists 'spec_cnn'"),
        (
            {"features.spec_cn": {"kind": "waveform", "sample_rate": 8000, "dtype": "float16"}},
            "features.spec_cn: no network is called 'spec_cn'; did you mean",
        ),
        (
            {"features.spec_cnn.norm": "l2"},
            "features.spec_cnn.norm must be 'slaney', not the string 'l2'",
        ),
        ({"runtime.device": "gpu"}, "runtime.device must be text that matches ^(auto|cpu|cuda"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"seed": 2**32}, "seed must be less than 4294967296"),
        ({"splits.validation_fraction": 1.0}, "must be less than 1.0, not 1.0"),
        (
            {"features.spec_cnn.f_max": 9000.0},
            "features.spec_cnn: f_max 9000 Hz is above half the sample rate",
        ),
        ({"predict.tta_shifts_seconds": []}, "predict: tta_shifts_seconds needs at least one"),
        ({"train.spec_cnn.net.blocks": 0}, "train.spec_cnn.net.blocks must be at least 1, not 0"),
        ({"train.spec_cnn.net.widths": [8, "x"]}, "train.spec_cnn.net.widths[1] must be an int"),
        ({"train.spec_cnn.net": 3}, "train.spec_cnn.net must be a section"),
        ({"prepare.second": 5.0}, "prepare.second is not a known key; did you mean 'seconds'?"),
        ({"modle": {}}, "modle is not a known key; did you mean 'model'?"),
        (
            {"train.spec_cnn.loop.epoch": 2},
            "train.spec_cnn.loop.epoch is not a known key; did you mean 'epochs'?",
        ),
        (
            {"train.spec_cnn.net.width": [8]},
            "train.spec_cnn.net.width is not a known key; did you mean 'widths'?",
        ),
        ({"ensemble.zzz": 1}, "ensemble.zzz is not a known key; known are greedy_steps, l2"),
        ({"features.spec_cnn.pcen.eps": REMOVED}, "features.spec_cnn.pcen.eps is missing"),
        ({"evaluate": REMOVED}, "evaluate is missing"),
        ({"train.spec_cnn.net": REMOVED}, "train.spec_cnn.net is missing"),
    ],
)
def test_a_mistake_is_named_by_its_path(tmp_path: Path, changes: dict, message: str) -> None:
    path = tmp_path / "params.yaml"
    assert problems(tmp_path, changes).startswith(f"{path}: ")
    assert message in problems(tmp_path, changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folds": []}, "folds needs at least one fold"),
        ({"folds": [1, 2, 1]}, "folds lists 1 twice"),
        ({"export.fold": 3}, "export.fold is 3, but folds lists 1, 2"),
        ({"export.formats": ["onnx", "onnx"]}, "formats lists one twice: onnx, onnx"),
        ({"export.formats": ["onx"]}, "export.formats[0] must be 'onnx', 'torch_export' or"),
        ({"members": ["spec_cnn", "yamnet", "yamnet"]}, "members lists 'yamnet' twice"),
        ({"model.networks": ["spec_cnn"] * 2}, "model.networks lists 'spec_cnn' twice"),
        ({"members": ["spec_cnn"]}, "'yamnet' is in model.backbones but not in members"),
        ({"model.networks": []}, "'spec_cnn' is in members but neither in model.networks nor"),
        ({"members": ["spec_cnn", "yamnett"]}, "model.backbones; did you mean 'yamnet'?"),
        ({"model.networks": [], "model.backbones": [], "members": []}, "at least one model"),
        ({"model.backbones": ["yamnet", "spec_cnn"]}, "is both a network and a backbone"),
        ({"train": {}}, "train.spec_cnn is missing: model.networks lists 'spec_cnn'"),
        ({"finetune": {}}, "finetune.yamnet is missing: model.backbones lists 'yamnet'"),
        ({"model.backbones": ["yamnett"]}, "no backbone is called 'yamnett'; did you mean 'yam"),
        ({"model.unfreeze_last_n": 15}, "model.unfreeze_last_n is 15, but yamnet has 14 blocks"),
        ({"finetune.yamnet.unfreeze_last_n": 99}, "finetune.yamnet.unfreeze_last_n is 99, but"),
        (
            {"train.spec_cn": VALID["train"]["spec_cnn"]},
            "train.spec_cn: no network is called 'spec_cn'; did you mean 'spec_cnn'?",
        ),
        ({"train.loop": {}}, "train.loop: no network is called 'loop'"),
        # Modules that are there, but are no network's.
        ({"train.features": VALID["train"]["spec_cnn"]}, "no network is called 'features'"),
        ({"train.os": VALID["train"]["spec_cnn"]}, "no network is called 'os'"),
    ],
)
def test_sections_must_agree(tmp_path: Path, changes: dict, message: str) -> None:
    assert message in problems(tmp_path, changes)


@pytest.mark.parametrize("name", ["../evil", "a.b", "", "Spec"])
def test_no_name_leads_out_of_the_schema(tmp_path: Path, name: str) -> None:
    params = changed({})
    params["train"][name] = VALID["train"]["spec_cnn"]
    with pytest.raises(EarwitnessError, match="no network is called"):
        open_params(write(tmp_path, params))


def test_a_word_of_the_reports_is_no_member(tmp_path: Path) -> None:
    changes = {"model.networks": ["spec_cnn", "ensemble"], "members": ["spec_cnn", "ensemble"]}
    assert "'ensemble' is a word of the reports" in problems(tmp_path, changes)


def test_an_override_may_fit_where_the_general_number_does_not(tmp_path: Path) -> None:
    changes = {"model.unfreeze_last_n": 15, "finetune.yamnet.unfreeze_last_n": 14}
    open_params(write(tmp_path, changed(changes)))


def test_blocks_of_models_that_are_not_used_are_allowed_but_checked(tmp_path: Path) -> None:
    unused = {"model.backbones": [], "members": ["spec_cnn"], "model.unfreeze_last_n": 99}
    open_params(write(tmp_path, changed(unused)))
    broken = unused | {"finetune.yamnet.lr_head": "hot"}
    assert "finetune.yamnet.lr_head must be a number" in problems(tmp_path, broken)


def test_all_mistakes_are_listed_at_once(tmp_path: Path) -> None:
    changes = {
        "seed": "x",
        "predict.batch": 3,
        "evaluate.ece_bins": REMOVED,
        "train.spec_cnn.net.dropout": 1.5,
    }
    lines = problems(tmp_path, changes).splitlines()
    assert len(lines) == 5
    assert any(line.startswith("  train.spec_cnn.net.dropout must be less") for line in lines)
    both = problems(tmp_path, {"folds": [], "model.unfreeze_last_n": 50})
    assert len(both.splitlines()) == 3


def with_line(folder: Path, line: str, old: str) -> Path:
    path = write(folder, VALID)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, line, 1))
    return path


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    path = with_line(tmp_path, "l2: 1e-3", "l2: 0.01")
    assert open_params(path).get("ensemble.l2", float) == 0.001


def test_whole_numbers_are_fine_where_a_number_is_asked(tmp_path: Path) -> None:
    path = with_line(tmp_path, "l2: 1", "l2: 0.01")
    assert open_params(path).get("ensemble.l2", float) == 1.0


def bomb(level: str, levels: int = 40) -> str:
    """Lines of which each has the one above it twice."""
    lines = [f"a{number}: &a{number} {level.format(number - 1)}" for number in range(1, levels)]
    return "\n".join(["a0: &a0 {x: 1}", *lines])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("seed: 42\nseed: 43", r'line \d+: the key "seed" stands twice'),
        ("seed: !!int 42", r"line \d+: the tag tag:yaml.org,2002:int is not allowed"),
        ("seed: !!python/object:os.system 42", r"line \d+: the tag .*python/object"),
        ("seed: [42", r"line \d+: not valid YAML"),
        ("seed:\n\t- 1", r"line \d+: not valid YAML"),
        ("seed: .nan", "seed must be a finite number, not nan"),
        ("seed: -.inf", "seed must be a finite number, not -inf"),
        ("seed: 2020-01-01", "seed must be a plain value, not a date"),
        ("seed: 42\n3: 4", "the top level has the key 3, which is not text"),
        ("seed: &x [*x]", r"line \d+: the alias \*x refers to itself"),
        ("a: &x 1\nseed: &x [*x]", r"line \d+: the alias \*x refers to itself"),
        ("seed: *x", r"line \d+: the alias \*x refers to itself or to nothing"),
        (bomb("[*a{0}, *a{0}]"), r"line \d+: this is more than 100000 values"),
        (bomb("{{<<: [*a{0}, *a{0}]}}"), r"line \d+: this is more than 100000 values"),
        ("seed: 42 #" + "x" * 100_000, "larger than 100 kB"),
        ("seed: " + "[" * 50_000, r"line \d+: more than 50 levels"),
        ("seed: " + "{a: " * 20_000, r"line \d+: more than 50 levels"),
        ("seed: " + "- " * 20_000, r"line \d+: not valid YAML"),
    ],
)
def test_yaml_that_parameters_must_not_have(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(EarwitnessError, match=message):
        open_params(with_line(tmp_path, line, "seed: 42"))


@pytest.mark.parametrize("content", [b"", b"- 1\n", b"text", b"\xff\xfe\x00"])
def test_a_file_that_is_no_params_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(EarwitnessError, match=r"params\.yaml"):
        open_params(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(EarwitnessError, match="does not exist in"):
        open_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("name", ["params.yaml", *SHIPPED])
def test_the_parameter_files_of_the_repository_are_valid(name: str) -> None:
    open_params(ROOT / name)


def test_a_mistake_is_reported_within_a_second_before_anything_heavy(tmp_path: Path) -> None:
    """By the entry point of every stage, however much the stage itself imports."""
    write(tmp_path, changed({"train.spec_cnn.lr": "fast"}))
    seconds = []
    for _ in range(3):  # the first run may compile
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "stages", "train", "spec_cnn", "1"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Processor time: on a busy machine the clock says nothing about the code.
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert result.returncode == 2
    *imports, message = result.stderr.splitlines()
    assert (
        message == "train: params.yaml: train.spec_cnn.lr must be a number, not the string 'fast'"
    )
    imported = {line.split("|")[-1].strip() for line in imports}
    assert "pydantic" in imported
    assert not {"torch", "numpy", "pandas", "scipy"} & imported
    assert min(seconds) < 1


def test_the_file_can_be_checked_from_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stages.params"]
    write(tmp_path, VALID)
    good = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert (good.returncode, good.stdout) == (0, "params.yaml is valid\n")
    write(tmp_path, changed({"seed": "x"}))
    bad = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert bad.returncode == 2
    assert bad.stderr == "params.yaml: seed must be an integer, not the string 'x'\n"
