"""The comparison of dvc.yaml with the code finds every fault planted in a small repository."""

from pathlib import Path
from typing import Any

import pytest

from tests.stages.check import compare_code, compare_params
from tests.stages.closure import normalise, params_read

FILES = {
    "stages/__main__.py": """
import stages.params
import_module(f"stages.{name}")
""",
    "stages/train.py": """
from earwitness.nets.build import build
params = open_params()
params.get(f"train.{network}", TrainParams)
params.get("folds", int)
settings.get("not.this", 1)
""",
    "stages/params.py": """
from importlib import import_module
SCHEMA = "stages.schema"
import_module(SCHEMA)
""",
    "stages/schema.py": "import earwitness.store.unused\n",
    "earwitness/__init__.py": '"""Doc."""\n__version__ = "1"\n',
    "earwitness/nets/__init__.py": '"""Doc."""\n',
    "earwitness/nets/build.py": """
from importlib import import_module
def build(name):
    from earwitness.store import arrays
    return import_module(f"earwitness.nets.{name}")
""",
    "earwitness/nets/cnn.py": "from earwitness.nets.layers import Block\n",
    "earwitness/nets/layers.py": "",
    "earwitness/store/__init__.py": "from earwitness.store.atomic import write\n",
    "earwitness/store/arrays.py": "",
    "earwitness/store/atomic.py": "",
    "earwitness/store/unused.py": "",
}
STAGE: dict[str, Any] = {
    "params": ["train.${item.network}", "folds"],
    "deps": [
        "data/features/{}.h5",
        "stages/train.py",
        "stages/params.py",
        "stages/__main__.py",
        "earwitness/nets/build.py",
        "earwitness/nets/${item.network}.py",
        "earwitness/nets/layers.py",
        "earwitness/store/__init__.py",
        "earwitness/store/arrays.py",
        "earwitness/store/atomic.py",
    ],
}
ITEMS = ["cnn", "1", "2"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_an_exact_list_passes(root: Path) -> None:
    assert compare_code(root, "train", STAGE, ITEMS) == ""
    assert compare_params(root, "train", STAGE) == ""


@pytest.mark.parametrize("gone", STAGE["deps"][1:])
def test_a_missing_module_is_named(root: Path, gone: str) -> None:
    stage = {"deps": [dep for dep in STAGE["deps"] if dep != gone]}
    assert f"    + {normalise(gone)}" in compare_code(root, "train", stage, ITEMS).splitlines()


def test_an_unused_module_is_named(root: Path) -> None:
    stage = {"deps": [*STAGE["deps"], "earwitness/store/unused.py"]}
    expected = "stage train, deps:\n    - earwitness/store/unused.py"
    assert compare_code(root, "train", stage, ITEMS) == expected


def test_a_package_covers_its_modules(root: Path) -> None:
    stage = {"deps": ["stages/", "earwitness/nets/", "earwitness/store"]}
    assert compare_code(root, "train", stage, ITEMS) == ""


def test_modules_listed_one_by_one_stand_for_a_template(root: Path) -> None:
    stage = {"deps": [dep.replace("${item.network}", "cnn") for dep in STAGE["deps"]]}
    assert compare_code(root, "train", stage, ITEMS) == ""


@pytest.mark.parametrize("name", ["find()", "module", "f'{where}.cnn'"])
def test_an_import_that_cannot_be_followed_is_refused(root: Path, name: str) -> None:
    (root / "earwitness/nets/cnn.py").write_text(f"import_module({name})\n")
    with pytest.raises(ValueError, match=r"cnn\.py imports a module by a name"):
        compare_code(root, "train", STAGE, ITEMS)


def test_params_are_compared_both_ways(root: Path) -> None:
    stage = {"params": ["train.${item.network}", "runtime"]}
    expected = "stage train, params:\n    + folds\n    - runtime"
    assert compare_params(root, "train", stage) == expected


def test_a_computed_key_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1"):
        params_read("params.get(key, int)")
