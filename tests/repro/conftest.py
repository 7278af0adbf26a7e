"""Tiny repositories to run stages in."""

from pathlib import Path

import pytest

from tests.repro.project import Project, copy_project, make_project


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository where nothing has run; not to be changed."""
    return make_project(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="session")
def by_dvc(fresh: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """What `dvc repro` makes of it; not to be changed."""
    project = copy_project(fresh, tmp_path_factory.mktemp("by-dvc"))
    project.dvc("repro")
    return project


@pytest.fixture
def project(fresh: Project, tmp_path: Path) -> Project:
    """A repository where nothing has run."""
    return copy_project(fresh, tmp_path)


@pytest.fixture
def done(by_dvc: Project, tmp_path: Path) -> Project:
    """A repository where `dvc repro` has run."""
    return copy_project(by_dvc, tmp_path)
