"""Exported models in onnxruntime: no torch is needed, nor the folders they came from."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.special import log_softmax

from earwitness.errors import EarwitnessError
from earwitness.export.facts import Facts, from_properties
from earwitness.schema.problems import describe


class OnnxModel:
    """A member or an ensemble that stage ``export`` wrote as ONNX.

    Parameters
    ----------
    path : Path
        The file.
    threads : int
        Threads of one call; 0 is one a core.

    Attributes
    ----------
    facts : Facts
        What the file says of itself.

    Raises
    ------
    EarwitnessError
        If there is no such file, or it is damaged, no ONNX file, or not one of ours.
    """

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        self._session = _open(path, threads)
        try:
            # Other programs may have added properties of their own.
            known = Facts.__dataclass_fields__
            found = self._session.get_modelmeta().custom_metadata_map
            self.facts = from_properties({k: v for k, v in found.items() if k in known})
            _check_shapes(self._session, self.facts)
        except ValueError as error:
            reason = describe(error, Facts)[0] if isinstance(error, ValidationError) else str(error)
            raise EarwitnessError(
                f"{path} is not a model that `dvc repro export` wrote ({reason}): name one of "
                "exports/*.onnx"
            ) from error

    @property
    def sample_rates(self) -> set[int]:
        """Rates at which it reads waveforms, in Hz."""
        return set(self.facts.sample_rates)

    @property
    def seconds(self) -> float:
        """Length of the clips that it reads."""
        return self.facts.seconds

    @property
    def resampler(self) -> str:
        """Quality, as soxr calls it, with which its clips were resampled."""
        return self.facts.resampler

    @property
    def categories(self) -> list[str]:
        """Classes in the order of its output."""
        return list(self.facts.classes)

    def logits(self, waveforms: dict[int, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Run the file's own graph.

        Parameters
        ----------
        waveforms : dict of int to np.ndarray [shape=(B, samples)]
            The clips at each of `sample_rates`, `seconds` long, full scale 1.0.

        Returns
        -------
        np.ndarray [shape=(B, classes)]
            A member's logits, or an ensemble's log-probabilities.

        Raises
        ------
        EarwitnessError
            If clips at a rate are missing, or of another length.
        """
        feed = {}
        for name, rate in zip(self.facts.inputs, self.facts.sample_rates, strict=True):
            clips = waveforms.get(rate)
            expected = self.facts.samples(rate)
            if clips is None or clips.ndim != 2 or clips.shape[1] != expected:
                given = "none" if clips is None else f"an array of shape {clips.shape}"
                raise EarwitnessError(
                    f"the exported {self.facts.model} reads clips of {expected} samples at "
                    f"{rate} Hz, not {given}"
                )
            feed[name] = np.ascontiguousarray(clips, dtype=np.float32)
        (output,) = self._session.run(None, feed)
        logits: NDArray[np.float32] = output
        return logits

    def log_probs(self, waveforms: dict[int, NDArray[np.float32]]) -> NDArray[np.float64]:
        """Classify clips.

        Parameters
        ----------
        waveforms : dict of int to np.ndarray [shape=(B, samples)]
            The clips at each of `sample_rates`, `seconds` long, full scale 1.0.

        Returns
        -------
        np.ndarray [shape=(B, classes)]
            Log-probabilities; of a member, with its temperature.

        Raises
        ------
        EarwitnessError
            If clips at a rate are missing, or of another length.
        """
        facts = self.facts
        temperature = facts.temperatures[facts.model] if facts.output == "logits" else 1.0
        scores = self.logits(waveforms).astype(np.float64) / temperature
        log_probs: NDArray[np.float64] = log_softmax(scores, axis=1)
        return log_probs


def _open(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what is wrong with a file is told by the exception
    try:
        content = path.read_bytes()  # onnxruntime would look for weights in files beside a path
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except OSError as error:
        raise EarwitnessError(
            f"{path} cannot be read ({error.strerror}): write it with `dvc repro export`, or "
            "fetch it with `dvc pull`"
        ) from error
    except Exception as error:  # onnxruntime's have no class of their own in common
        reason = str(error).splitlines()[0]
        raise EarwitnessError(
            f"{path} is damaged or not an ONNX model ({reason}): write it anew with "
            "`dvc repro export`"
        ) from error


def _check_shapes(session: Any, facts: Facts) -> None:
    """Raise ValueError where a graph is not what its facts say."""
    found = {entry.name: entry for entry in session.get_inputs()}
    if set(found) != set(facts.inputs):
        raise ValueError(f"its inputs are {', '.join(found)}, not {', '.join(facts.inputs)}")
    for name, rate in zip(facts.inputs, facts.sample_rates, strict=True):
        if found[name].type != "tensor(float)" or found[name].shape[1:] != [facts.samples(rate)]:
            raise ValueError(f"{name} is a {found[name].type} of shape {found[name].shape}")
    outputs = session.get_outputs()
    if len(outputs) != 1 or outputs[0].shape[1:] != [len(facts.classes)]:
        raise ValueError(f"its outputs are not {len(facts.classes)} classes")
