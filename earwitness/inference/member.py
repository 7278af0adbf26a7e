"""Trained members: waveforms in, logits out, whatever the model inside."""

import importlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from safetensors import SafetensorError
from torch import Tensor, nn

from earwitness.backbones.classifier import PretrainedClassifier
from earwitness.backbones.weights import build_backbone
from earwitness.errors import EarwitnessError
from earwitness.features.spectrogram import build_front_end
from earwitness.inference.checkpoint import read_checkpoint, typed
from earwitness.labels import ClassEntry
from earwitness.schema.features import AnyFeatures
from earwitness.schema.finetune import HeadParams
from earwitness.schema.prepare import RATES, PrepareParams

FloatArray = NDArray[np.float32]
SampleRate = Annotated[int, Field(ge=RATES[0], le=RATES[1])]
# What comes of a folder that is damaged, of another version or made up.
UNREADABLE = (
    SafetensorError,
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
    RuntimeError,
    ModuleNotFoundError,
    OSError,
)


class Member(ABC):
    """A trained member of the ensemble.

    Attributes
    ----------
    name : str
        As in ``members``.
    sample_rate : int
        Of the waveforms it reads, in Hz.
    seconds : float
        Length of the clips it was trained on.
    resampler : str
        soxr quality they were resampled with.
    classes : list of ClassEntry
        In the order of the logits.
    """

    def __init__(self, config: dict[str, Any], model: nn.Module, device: torch.device) -> None:
        self.name: str = config["member"]
        self.sample_rate: int = typed(SampleRate, config["sample_rate"])
        prepared: PrepareParams = typed(
            PrepareParams, {name: config[name] for name in ("seconds", "resampler")}
        )
        self.seconds = prepared.seconds
        self.resampler: str = prepared.resampler
        self.classes: list[ClassEntry] = [
            {"target": int(entry["target"]), "category": str(entry["category"])}
            for entry in config["classes"]
        ]
        self.device = device
        self.model = model.to(device).eval()

    @property
    def parameters(self) -> int:
        """Number of weights, frozen ones among them."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    @abstractmethod
    def embedding_size(self) -> int:
        """Width of an embedding."""

    @abstractmethod
    def read(self, waveforms: FloatArray) -> Tensor:
        """Make what the model is given of clips.

        Parameters
        ----------
        waveforms : np.ndarray [shape=(B, samples)]
            At `sample_rate`.

        Returns
        -------
        Tensor [shape=(B, ..., T)]
            Features or the waveforms themselves; time is the last axis.
        """

    @property
    @abstractmethod
    def step_samples(self) -> int:
        """Samples between neighbours on the time axis of what `read` makes."""

    @abstractmethod
    def _forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]: ...

    def run(self, inputs: Tensor) -> tuple[FloatArray, FloatArray]:
        """Run the model, in float32.

        Parameters
        ----------
        inputs : Tensor [shape=(B, ..., T)]
            What `read` made of clips.

        Returns
        -------
        logits : np.ndarray [shape=(B, classes)]
            In the order of `classes`.
        embeddings : np.ndarray [shape=(B, embedding_size)]
            What the model's last linear layer reads; of a pretrained model, which reads all
            pooled levels, the standardised ones of its last block.
        """
        with torch.inference_mode():
            logits, embeddings = self._forward(inputs)
        return logits.cpu().numpy(), embeddings.float().cpu().numpy()

    def classify(self, waveforms: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Classify clips and embed them, in one pass.

        Parameters
        ----------
        waveforms : np.ndarray [shape=(B, samples)]
            At `sample_rate`.

        Returns
        -------
        logits, embeddings : np.ndarray
            As those of `run`.
        """
        return self.run(self.read(waveforms))

    def logits(self, waveforms: FloatArray) -> FloatArray:
        """Classify clips, in float32.

        Parameters
        ----------
        waveforms : np.ndarray [shape=(B, samples)]
            At `sample_rate`.

        Returns
        -------
        np.ndarray [shape=(B, classes)]
            Logits.
        """
        return self.classify(waveforms)[0]

    def shift(self, inputs: Tensor, seconds: float) -> Tensor:
        """Shift clips in time, circularly.

        A network trained from scratch has its features shifted, as in training: a shifted
        waveform has a click where its ends meet, and PCEN starts elsewhere.

        Parameters
        ----------
        inputs : Tensor [shape=(B, ..., T)]
            What `read` made of the clips.
        seconds : float
            Positive is later. Rounded to the steps of the time axis.

        Returns
        -------
        Tensor [shape=(B, ..., T)]
            The same, shifted.
        """
        return inputs.roll(self.shift_steps(seconds), -1)

    def shift_steps(self, seconds: float) -> int:
        """Count the steps on the time axis of what `read` makes in a time."""
        return round(seconds * self.sample_rate / self.step_samples)


class NetworkMember(Member):
    """A network trained from scratch."""

    model: Any  # a network of earwitness/nets/: ``embed`` and the linear ``classifier`` on it

    def __init__(
        self, config: dict[str, Any], state: dict[str, Tensor], device: torch.device
    ) -> None:
        self.front_end = build_front_end(typed(AnyFeatures, config["features"]))
        channels, mels, _ = self.front_end.shape(round(config["seconds"] * config["sample_rate"]))
        name = config["network"]
        schema = importlib.import_module(f"earwitness.schema.nets.{name}").NetParams
        model: nn.Module = importlib.import_module(f"earwitness.nets.{name}").build(
            typed(schema, config["net"]),
            channels=channels,
            mels=mels,
            classes=len(config["classes"]),
        )
        model.load_state_dict(state)
        super().__init__(config, model, device)

    @property
    def embedding_size(self) -> int:
        """Width of an embedding."""
        width: int = self.model.classifier.in_features
        return width

    def read(self, waveforms: FloatArray) -> Tensor:
        """Compute the features of clips."""
        features = np.stack([self.front_end(waveform) for waveform in waveforms])
        return torch.from_numpy(features).to(self.device)

    @property
    def step_samples(self) -> int:
        """Samples between frames; 1 where the network reads waveforms."""
        return getattr(self.front_end.params, "hop_samples", 1)

    def _forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        embeddings = self.model.embed(inputs)
        # In evaluation, nothing but dropout, which then does nothing, lies between the two.
        return self.model.classifier(embeddings), embeddings


class PretrainedMember(Member):
    """A fine-tuned or frozen pretrained backbone with its head."""

    model: PretrainedClassifier

    def __init__(
        self, config: dict[str, Any], state: dict[str, Tensor], device: torch.device
    ) -> None:
        model = PretrainedClassifier(
            build_backbone(config["backbone"]),
            config["unfrozen"],
            len(config["classes"]),
            typed(HeadParams, config["head"]),
            config["layers"],
        )
        model.load_state_dict(state)
        super().__init__(config, model, device)

    @property
    def embedding_size(self) -> int:
        """Width of an embedding."""
        return self.model.backbone.level_sizes()[-1]

    def read(self, waveforms: FloatArray) -> Tensor:
        """Take clips as they are: the front end is part of the backbone."""
        return torch.from_numpy(waveforms).to(self.device)

    @property
    def step_samples(self) -> int:
        """Always 1."""
        return 1

    def _forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.classify(inputs)


def load_member(directory: Path, device: torch.device, *, judged: bool = False) -> Member:
    """Load a trained member.

    Parameters
    ----------
    directory : Path
        ``models/members/<member>/fold<k>``.
    device : torch.device
        Where to run it.
    judged : bool
        Whether to load a refitted model as it was before it was fitted on validation clips.

    Returns
    -------
    Member
        In evaluation mode.

    Raises
    ------
    EarwitnessError
        If the folder does not hold a trained member, or one of another version.
    """
    kinds = {"network": NetworkMember, "backbone": PretrainedMember}
    try:
        config, state = read_checkpoint(directory, judged=judged)
        if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
            raise ValueError("weights that are NaN or infinite")
        return kinds[config["kind"]](config, state, device)
    except UNREADABLE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise EarwitnessError(
            f"{directory} holds a model that this version cannot read ({reason}): train it again "
            "with `dvc repro`"
        ) from error
