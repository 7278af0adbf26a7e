"""What tests in several folders need."""

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from earwitness.backbones.obtain import convert, obtain, write_weights
from earwitness.backbones.registry import get_record
from earwitness.backbones.transport import DownloadError
from earwitness.errors import EarwitnessError
from tests.browser import open_browser

# Files whose tests take long, first: otherwise one process is left with them at the end.
LONG = ("test_pipeline.py", "test_formats.py", "test_kills.py", "test_local.py", "test_clones.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, in that order."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Pause coverage for a test marked `uncovered` and, unlike `no_cover`, for its fixtures."""
    cover = getattr(item.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    if cover is None or item.get_closest_marker("uncovered") is None:
        return (yield)
    cover.pause()
    try:
        return (yield)
    finally:
        cover.resume()


@pytest.fixture(scope="session")
def weight_folders(request: pytest.FixtureRequest) -> list[Path]:
    """Where published files are looked for: EARWITNESS_WEIGHTS, then what earlier runs kept."""
    given = os.environ.get("EARWITNESS_WEIGHTS")
    kept = Path(request.config.cache.mkdir("weights"))
    return [Path(given), kept] if given else [kept]


@pytest.fixture(scope="session")
def published(weight_folders: list[Path]) -> Callable[[str], Path]:
    """Gives the published file of a backbone: found, or downloaded."""

    def find(name: str) -> Path:
        try:
            return obtain(get_record(name), weight_folders)
        except EarwitnessError as error:
            if isinstance(error.__cause__, DownloadError):
                pytest.skip(f"EARWITNESS_WEIGHTS names no folder with {name}: {error.__cause__}")
            raise

    return find


@pytest.fixture(scope="session")
def convert_published(
    published: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Converts the published file of a backbone."""

    def make(name: str) -> Path:
        record = get_record(name)
        target = tmp_path_factory.mktemp("pretrained") / f"{name}.safetensors"
        write_weights(record, *convert(record, published(name)), target)
        return target

    return make


@pytest.fixture(scope="session")
def yamnet_wheel(published: Callable[[str], Path]) -> Path:
    return published("yamnet")


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    """Headless Chromium."""
    for name in ("chromium", "chromedriver"):
        if not shutil.which(name):
            pytest.skip(f"{name} is not installed: apt-get install chromium chromium-driver")
    with open_browser() as chrome:
        yield chrome
