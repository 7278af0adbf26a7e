"""Members, and their ensemble, as one module each: waveforms in, logits out."""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from earwitness.export.front_ends import exportable_front_end
from earwitness.inference.member import Member, NetworkMember, PretrainedMember


class MemberGraph(nn.Module):
    """A member with its front end."""

    def forward(self, waveform: Tensor) -> Tensor:
        """Map clips (B, samples) to logits (B, classes)."""
        return self.shifted(waveform, [0])

    def shifted(self, waveform: Tensor, shifts: list[int]) -> Tensor:
        """Map clips (B, samples) to logits of shifted copies (shifts * B, classes).

        Shifts are in steps of what the model reads: `Member.shift_steps`.
        """
        raise NotImplementedError


class NetworkGraph(MemberGraph):
    """A network trained from scratch, with its front end.

    Parameters
    ----------
    member : NetworkMember
        The trained model, whose modules are shared.
    """

    def __init__(self, member: NetworkMember) -> None:
        super().__init__()
        self.front_end = exportable_front_end(member)
        self.model: nn.Module = member.model

    def shifted(self, waveform: Tensor, shifts: list[int]) -> Tensor:
        """Map clips (B, samples) to logits of copies shifted by frames, (shifts * B, classes)."""
        logits: Tensor = self.model(rolled_copies(self.front_end(waveform), shifts))
        return logits


class PretrainedGraph(MemberGraph):
    """A pretrained backbone and its head, with its front end.

    Parameters
    ----------
    member : PretrainedMember
        The trained model, whose modules are shared.
    """

    def __init__(self, member: PretrainedMember) -> None:
        super().__init__()
        self.front_end = exportable_front_end(member)
        self.model = member.model

    def shifted(self, waveform: Tensor, shifts: list[int]) -> Tensor:
        """Map clips (B, samples) to logits of copies shifted by samples, (shifts * B, classes)."""
        x = self.front_end(rolled_copies(waveform, shifts))
        boundary, levels = self.model.backbone.run(x, 0, self.model.boundary)
        logits: Tensor = self.model(boundary, levels)
        return logits


class EnsembleGraph(nn.Module):
    """The pool that `earwitness.ensemble.combine` computes, members inside.

    Parameters
    ----------
    members : mapping of str to Member
        The trained models of one fold.
    weights, temperatures : mapping of str to float
        As fitted, for the same members.
    shifts_seconds : sequence of float
        Circular shifts over which a member's logits are averaged.
    """

    def __init__(
        self,
        members: Mapping[str, Member],
        weights: Mapping[str, float],
        temperatures: Mapping[str, float],
        shifts_seconds: Sequence[float],
    ) -> None:
        super().__init__()
        self.rates = sorted({member.sample_rate for member in members.values()})
        self.places = [self.rates.index(member.sample_rate) for member in members.values()]
        self.graphs = nn.ModuleList(member_graph(member) for member in members.values())
        self.weights = [weights[name] for name in members]
        self.temperatures = [temperatures[name] for name in members]
        self.shifts = [
            [member.shift_steps(seconds) for seconds in shifts_seconds]
            for member in members.values()
        ]

    def forward(self, *waveforms: Tensor) -> Tensor:
        """Map clips (B, samples), once at each of `rates`, to log-probabilities (B, classes)."""
        pooled: list[Tensor] = []
        for index, graph in enumerate(self.graphs):
            shifts = self.shifts[index]
            clips = waveforms[self.places[index]]
            logits = cast(MemberGraph, graph).shifted(clips, shifts)
            logits = logits.reshape(len(shifts), -1, logits.shape[1]).mean(dim=0)
            cooled = torch.log_softmax(logits / self.temperatures[index], dim=1)
            pooled.append(self.weights[index] * cooled)
        return torch.log_softmax(torch.stack(pooled).sum(dim=0), dim=1)


def member_graph(member: Member) -> MemberGraph:
    """Make the module of one member.

    Parameters
    ----------
    member : Member
        A trained model.

    Returns
    -------
    MemberGraph
        In evaluation mode, from clips (B, samples) at the member's rate to logits (B, classes).

    Raises
    ------
    NotExportable
        If its front end is not among those of `earwitness.export.front_ends`.
    """
    if isinstance(member, NetworkMember):
        return NetworkGraph(member).eval()
    assert isinstance(member, PretrainedMember)
    return PretrainedGraph(member).eval()


def rolled_copies(inputs: Tensor, shifts: list[int]) -> Tensor:
    """Stack copies of clips (B, ..., T), rolled to the right along the last axis."""
    if shifts == [0]:
        return inputs
    copies: list[Tensor] = []
    for shift in shifts:
        # A shift by more than the clip goes round more than once, as in `torch.roll`.
        cut = shift % int(inputs.shape[-1])
        left, right = inputs[..., :-cut], inputs[..., -cut:]
        copies.append(torch.cat([right, left], dim=-1) if cut else inputs)
    return torch.cat(copies)
