"""wav2vec 2.0, HuBERT and WavLM: torchaudio's speech models as a front end and a chain of layers.

Papers: Baevski et al., "wav2vec 2.0", NeurIPS 2020 (https://arxiv.org/abs/2006.11477); Hsu et
al., "HuBERT", TASLP 2021 (https://arxiv.org/abs/2106.07447); Chen et al., "WavLM", JSTSP 2022
(https://arxiv.org/abs/2110.13900). The layers are torchaudio's own modules. The front end is all
that comes before the first of them (convolutions, projection, positional convolution) and is
always frozen; a block is a transformer layer, with states (batch, time, dimension) at about 50
frames a second.
"""

import pickle
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor
from torch.nn.utils.parametrize import remove_parametrizations
from torchaudio.models.wav2vec2.wavlm_attention import WavLMSelfAttention

from earwitness.backbones.base import Backbone
from earwitness.backbones.record import BackboneRecord, SpeechRecord
from earwitness.errors import EarwitnessError


class SpeechBackbone(Backbone):
    """A speech model of torchaudio.

    A level is a layer's output as torchaudio's ``extract_features`` gives it. Models that
    normalise before each sublayer (most LARGE ones) have one more normalisation after the
    last layer: `frames` applies it.

    Parameters
    ----------
    record : BackboneRecord
        Its registry entry.
    model : torch.nn.Module
        A ``torchaudio.models.Wav2Vec2Model``, which is taken apart.
    normalise : bool
        Whether each clip is brought to zero mean and unit variance first.
    """

    is_transformer = True

    def __init__(self, record: BackboneRecord, model: Any, normalise: bool) -> None:
        transformer = model.encoder.transformer
        layers = list(transformer.layers)
        super().__init__(record, layers, [layer.attention.embed_dim for layer in layers])
        self.normalise = normalise
        self.extractor = model.feature_extractor
        self.projection = model.encoder.feature_projection
        self.position = transformer.pos_conv_embed
        # The front end is never trained: the kernel alone is enough, without its weight norm.
        remove_parametrizations(self.position.conv, "weight")
        self.norm = transformer.layer_norm
        # Models that normalise after each sublayer have this one before the first layer.
        self.norm_at_start: bool = transformer.layer_norm_first

    @torch.no_grad()
    def front_end(self, waveform: Tensor) -> Tensor:
        """Compute the first layer's input.

        Parameters
        ----------
        waveform : Tensor [shape=(B, n), dtype=float32]
            At 16 kHz, full scale 1.0.

        Returns
        -------
        Tensor [shape=(B, T, D), dtype=float32]
            T = (n - 80) // 320. One clip at a time: torchaudio would normalise the
            waveforms of a whole batch together, so that a clip's features depend on its
            neighbours.

        Raises
        ------
        EarwitnessError
            If the clips are shorter than 25 ms.
        """
        shortest = self._shortest()
        if waveform.shape[-1] < shortest:
            raise EarwitnessError(
                f"{self.record.name} needs clips of at least {shortest} samples at 16 kHz "
                f"({shortest / 16000:.3f} s), not {waveform.shape[-1]}: raise prepare.seconds"
            )
        return torch.cat([self._embed(clip[None]) for clip in waveform])

    def step(self, index: int, x: Tensor) -> Tensor:
        """Run one layer.

        WavLM's layers share a relative position bias that only the first one owns. It
        follows from the number of frames, so it is computed anew for each layer, whether or
        not the first one ran.

        Parameters
        ----------
        index : int
            Of the layer.
        x : Tensor [shape=(B, T, D)]
            Output of the layer below, or of the front end.

        Returns
        -------
        Tensor [shape=(B, T, D)]
            Output of the layer.
        """
        first: Any = self.blocks[0]
        bias = None
        if isinstance(first.attention, WavLMSelfAttention):
            frames = x.shape[1]
            bias = first.attention.compute_bias(frames, frames).expand(len(x), -1, -1, -1)
        output: Tensor = self.blocks[index](x, position_bias=bias)[0]
        return output

    def frames(self, x: Tensor) -> Tensor:
        """Give the last layer's output as the model itself does.

        Parameters
        ----------
        x : Tensor [shape=(B, T, D)]
            Output of the last layer.

        Returns
        -------
        Tensor [shape=(B, T, D)]
            Normalised where the model's last step is a normalisation.
        """
        return x if self.norm_at_start else self._normalised(x)

    def _shortest(self) -> int:
        """Count the samples that give one frame."""
        samples = 1
        for layer in reversed(self.extractor.conv_layers):
            samples = (samples - 1) * layer.stride + layer.kernel_size
        return samples

    def _embed(self, clip: Tensor) -> Tensor:
        """Map (1, n) to (1, T, D)."""
        if self.normalise:
            clip = F.layer_norm(clip, clip.shape)
        x = self.projection(self.extractor(clip, None)[0])
        x = x + self.position(x)
        return self._normalised(x) if self.norm_at_start else x

    def _normalised(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.norm(x)
        return normalised


def build(record: SpeechRecord) -> SpeechBackbone:
    """Build the architecture at random weights."""
    bundle = getattr(torchaudio.pipelines, record.bundle)
    wavlm = bundle._model_type == "WavLM"
    make = torchaudio.models.wavlm_model if wavlm else torchaudio.models.wav2vec2_model
    return SpeechBackbone(record, make(**bundle._params), bundle._normalize_waveform)


def convert(record: SpeechRecord, path: Path) -> tuple[dict[str, Tensor], None]:
    """Read a published file the way torchaudio does.

    Parameters
    ----------
    record : SpeechRecord
        Its registry entry.
    path : Path
        The file, already checked against its hash.

    Returns
    -------
    tensors : dict of str to Tensor
        The state of `SpeechBackbone`. The letters' classifier of models trained for speech
        recognition is left out: it says nothing about other sounds.
    labels : None
        There are no classes.

    Raises
    ------
    EarwitnessError
        If the file does not hold this model.
    """
    bundle = getattr(torchaudio.pipelines, record.bundle)
    local = {"model_dir": str(path.parent), "file_name": path.name, "map_location": "cpu"}
    try:
        model = bundle.get_model(dl_kwargs={**local, "weights_only": True, "progress": False})
    except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise EarwitnessError(
            f"{path} does not hold the {record.name} model that is expected there ({reason}): "
            f"get {record.transport.filename} anew from {record.transport.address}"
        ) from error
    # Bundles that normalise waveforms wrap the model to do so over the whole batch.
    whole = getattr(model, "model", model)
    return SpeechBackbone(record, whole, bundle._normalize_waveform).state_dict(), None
