"""Members as the pipeline trains them, at random weights: the time does not depend on them."""

import importlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import nn

from benchmarks.audio import REPOSITORY
from earwitness.backbones.classifier import PretrainedClassifier
from earwitness.backbones.registry import get_record
from earwitness.backbones.weights import build_backbone
from earwitness.features.spectrogram import build_front_end
from earwitness.inference.member import Member, NetworkMember, PretrainedMember
from earwitness.labels import ClassEntry
from earwitness.schema.features import FeatureParams
from earwitness.schema.finetune import FinetuneParams
from earwitness.schema.train import TrainParams
from stages.params import ParamsFile, open_params

CLASSES = 50
NETWORK = "spec_cnn"
NETWORKS = (NETWORK, "bc_resnet")
BACKBONES = ("yamnet", "aisfx", "mn04")
LABELS: list[ClassEntry] = [{"target": i, "category": str(i)} for i in range(CLASSES)]


def repository_params() -> ParamsFile:
    """Read the repository's own parameters."""
    return open_params(REPOSITORY / "params.yaml")


def features(network: str = NETWORK) -> FeatureParams:
    """Read what a network reads."""
    return repository_params().get(f"features.{network}", FeatureParams)


def finetuning(backbone: str) -> tuple[FinetuneParams, int]:
    """Read how a backbone is fine-tuned, and how many of its blocks."""
    params = repository_params()
    section = params.get(f"finetune.{backbone}", FinetuneParams)
    own = section.unfreeze_last_n
    return section, params.get("model.unfreeze_last_n", int) if own is None else own


def training(network: str = NETWORK) -> TrainParams:
    """Read how a network is trained."""
    return repository_params().get(f"train.{network}", TrainParams)


def build_member(name: str, seconds: float) -> Member:
    """Make a member.

    Parameters
    ----------
    name : str
        A network or a backbone.
    seconds : float
        Length of its clips.

    Returns
    -------
    Member
        On the CPU.
    """
    torch.manual_seed(0)
    config: dict[str, Any] = {
        "member": name,
        "seconds": seconds,
        "resampler": "HQ",
        "classes": LABELS,
    }
    device = torch.device("cpu")
    if name in BACKBONES:
        model, unfrozen = build_classifier(name)
        section = finetuning(name)[0]
        config |= {"backbone": name, "sample_rate": get_record(name).sample_rate}
        config |= {"unfrozen": unfrozen, "head": asdict(section.head), "layers": "weighted"}
        return PretrainedMember(config, model.state_dict(), device)
    read, net = features(name), training(name).net
    channels, mels, _ = build_front_end(read).shape(round(seconds * read.sample_rate))
    network = build_network(name, net, channels, mels)
    config |= {"network": name, "sample_rate": read.sample_rate}
    config |= {"features": asdict(read), "net": asdict(net)}
    return NetworkMember(config, network.state_dict(), device)


def build_network(module: str, net: Any, channels: int, mels: int) -> nn.Module:
    """Build a network of `earwitness.nets` with the memory layout that convolutions like."""
    build = importlib.import_module(f"earwitness.nets.{module}").build
    network: nn.Module = build(net, channels=channels, mels=mels, classes=CLASSES)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def build_classifier(backbone: str) -> tuple[PretrainedClassifier, int]:
    """Build a backbone with its head, and tell how many of its blocks are trained."""
    section, unfrozen = finetuning(backbone)
    model = PretrainedClassifier(build_backbone(backbone), unfrozen, CLASSES, section.head)
    return model, unfrozen


def spectrogram_work(params: FeatureParams, seconds: float) -> tuple[float, float]:
    """Count what a clip's features take at least.

    Parameters
    ----------
    params : FeatureParams
        Of the spectrogram.
    seconds : float
        Length of the clip.

    Returns
    -------
    flops : float
        Of a real Fourier transform and a product with the mel filters, each frame.
    moved : float
        Bytes of the waveform read and of the features written.
    """
    samples = round(seconds * params.sample_rate)
    channels, mels, frames = build_front_end(params).shape(samples)
    n_fft = params.n_fft
    transform = 2.5 * n_fft * torch.tensor(float(n_fft)).log2().item()
    flops = frames * (transform + 2 * (n_fft // 2 + 1) * mels)
    width = 2 if params.dtype == "float16" else 4
    return flops, 4 * samples + width * channels * mels * frames


def variants(params: FeatureParams) -> Iterator[tuple[str, FeatureParams]]:
    """Yield the front end with each channel alone, and with both."""
    yield "log-mel", replace(params, channels=("log_mel",))
    yield "PCEN", replace(params, channels=("pcen",))
    yield "log-mel and PCEN", replace(params, channels=("log_mel", "pcen"))
