"""One member's models of several folds, which have most of their work in common.

The models of all folds read the same features. Those of a pretrained member also begin with the
same frozen blocks; what they share is computed once, and only the rest fold by fold.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earwitness.backbones.base import Backbone
from earwitness.features.light import lighten
from earwitness.inference.member import Member, NetworkMember, PretrainedMember

FloatArray = NDArray[np.float32]
# For every part of a backbone, front end first, which of the folds' different ones a fold has.
Path = tuple[int, ...]


class SharedMember:
    """The models of one member, of any number of folds.

    Parameters
    ----------
    members : sequence of Member
        One a fold. Blocks that are equal are one block afterwards, which saves their memory.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = list(members)
        first = members[0]
        self._features = self._paths = None
        if all(isinstance(member, NetworkMember) for member in members):
            networks = cast(list[NetworkMember], self.members)
            front_end = networks[0].front_end
            if all(network.front_end.params == front_end.params for network in networks):
                self._features = lighten(front_end)
        elif all(isinstance(member, PretrainedMember) for member in members):
            models = [cast(PretrainedMember, member).model for member in members]
            if all(m.backbone.record == models[0].backbone.record for m in models):
                self._paths = _merge([model.backbone for model in models])
        self.sample_rate = first.sample_rate

    def read(self, waveforms: FloatArray) -> list[Tensor]:
        """Make what the models are given of clips.

        Parameters
        ----------
        waveforms : np.ndarray [shape=(B, samples)]
            At the member's rate.

        Returns
        -------
        list of Tensor
            For each fold, and the same one where the folds have it in common.
        """
        if self._features is not None:
            features = np.stack([self._features(waveform) for waveform in waveforms])
            return [torch.from_numpy(features).to(self.members[0].device)] * len(self.members)
        if self._paths is not None:
            return [self.members[0].read(waveforms)] * len(self.members)
        return [member.read(waveforms) for member in self.members]

    def logits(
        self, inputs: Sequence[Tensor], folds: Sequence[int], shift: float = 0.0
    ) -> list[FloatArray]:
        """Classify clips with the models of some folds, in float32.

        Parameters
        ----------
        inputs : sequence of Tensor
            What `read` made of them.
        folds : sequence of int
            Places in `members`.
        shift : float
            Of the clips in time, in seconds.

        Returns
        -------
        list of np.ndarray [shape=(B, classes)]
            For each fold what its member makes of the shifted clips.
        """
        if self._paths is not None:
            shifted = self.members[0].shift(inputs[0], shift)
            return self._pretrained(shifted, folds, self._paths)
        return [
            self.members[fold].run(self.members[fold].shift(inputs[fold], shift))[0]
            for fold in folds
        ]

    @torch.inference_mode()
    def _pretrained(
        self, x: Tensor, folds: Sequence[int], paths: Sequence[Path]
    ) -> list[FloatArray]:
        """Run every different chain of blocks once."""
        models = {paths[fold]: cast(PretrainedMember, self.members[fold]).model for fold in folds}
        states: dict[Path, tuple[Tensor, Tensor]] = {}
        for path, model in models.items():
            if path[:1] not in states:
                states[path[:1]] = model.backbone.run(model.backbone.front_end(x), 0, 0)
        for index in range(len(next(iter(models))) - 1):
            further: dict[Path, tuple[Tensor, Tensor]] = {}
            for path, model in models.items():
                if path[: index + 2] not in further:
                    state, levels = states[path[: index + 1]]
                    state, own = model.backbone.run(state, index, index + 1)
                    further[path[: index + 2]] = state, torch.cat([levels, own], dim=1)
            states = further
        results = []
        for fold in folds:
            model = cast(PretrainedMember, self.members[fold]).model
            state, levels = states[paths[fold]]
            seen = levels[:, -model.head.linear.in_features :]  # as PretrainedClassifier does
            logits = model.head(seen, model.backbone.frames(state).float())
            results.append(cast(FloatArray, logits.cpu().numpy()))
        return results


def _merge(backbones: Sequence[Backbone]) -> list[Path]:
    """Tell equal parts, and let one stand for all that equal it."""
    paths: list[Path] = [() for _ in backbones]
    for part in range(len(backbones[0].blocks) + 1):
        different: list[tuple[Backbone, dict[str, Tensor]]] = []
        for place, backbone in enumerate(backbones):
            state = _state(backbone, part)
            number = next(
                (n for n, (_, other) in enumerate(different) if _equal(state, other)),
                len(different),
            )
            if number == len(different):
                different.append((backbone, state))
            elif part:
                backbone.blocks[part - 1] = different[number][0].blocks[part - 1]
            paths[place] += (number,)
    return paths


def _state(backbone: Backbone, part: int) -> dict[str, Tensor]:
    """Tensors of a block, or (part 0) of what is no block: a front end may have weights."""
    if part:
        return backbone.blocks[part - 1].state_dict()
    whole = backbone.state_dict()
    return {name: whole[name] for name in whole if not name.startswith("blocks.")}


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)
