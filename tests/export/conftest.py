"""Members to export: small ones, at random weights."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.export.members import write_backbone, write_network


@pytest.fixture(scope="session")
def member_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives a member's folder by the name of a backbone or of a kind of network."""
    made: dict[str, Path] = {}

    def find(name: str) -> Path:
        if name not in made:
            folder = tmp_path_factory.mktemp("members") / name.split()[0] / "fold1"
            write = write_backbone if name in {"yamnet", "aisfx", "mn04"} else write_network
            made[name] = write(folder, name)
        return made[name]

    return find
