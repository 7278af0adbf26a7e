"""Training state that survives a kill, kept outside DVC's outputs."""

import hashlib
import io
import json
import pickle
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from earwitness.store.atomic import atomic_path


def fingerprint(settings: Sequence[Any], files: Iterable[Path]) -> str:
    """Digest everything that shapes a training run.

    Parameters
    ----------
    settings : sequence
        JSON-serialisable parameters, rows, seeds, versions.
    files : iterable of Path
        Code and data the run reads; of a folder, every file in it.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in chain.from_iterable(_files_of(path) for path in files):
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return [path]


class TrainingState:
    """One file with the last finished epoch of one run.

    DVC deletes a stage's outputs before it runs, so the state lies beside them. It is only
    used when its fingerprint matches: a run with other parameters, data or code starts anew.

    Parameters
    ----------
    path : Path
        The state file.
    run : str
        Fingerprint of the run.
    """

    def __init__(self, path: Path, run: str) -> None:
        self.path = path
        self.run = run

    def load(self) -> dict[str, Any] | None:
        """Read the state of this very run, if there is one.

        Returns
        -------
        dict or None
            What `save` was given.
        """
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except (RuntimeError, EOFError, pickle.UnpicklingError, OSError):
            return None  # damaged: starting anew costs time, never a wrong result
        if not isinstance(saved, dict) or saved.get("run") != self.run:
            return None
        content: dict[str, Any] = saved["content"]
        return content

    def save(self, content: Mapping[str, Any]) -> None:
        """Replace the state atomically.

        Parameters
        ----------
        content : mapping
            Tensors, numbers, strings, lists and dicts of them.
        """
        # Through memory: torch's own writer does not say why it failed, as on a full disk.
        packed = io.BytesIO()
        torch.save({"run": self.run, "content": dict(content)}, packed)
        with atomic_path(self.path) as temporary:
            temporary.write_bytes(packed.getbuffer())

    def clear(self) -> None:
        """Forget the state, once the outputs are written."""
        self.path.unlink(missing_ok=True)
