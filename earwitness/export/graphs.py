"""Members, and their ensemble, as one module each: waveforms in, logits out."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from earwitness.export.front_ends import exportable_front_end
from earwitness.inference.member import Member, NetworkMember, PretrainedMember


class NetworkGraph(nn.Module):
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

    def forward(self, waveform: Tensor) -> Tensor:
        """Map clips (B, samples) to logits (B, classes)."""
        logits: Tensor = self.model(self.front_end(waveform))
        return logits


class PretrainedGraph(nn.Module):
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

    def forward(self, waveform: Tensor) -> Tensor:
        """Map clips (B, samples) to logits (B, classes)."""
        x = self.front_end(waveform)
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
        Circular shifts of the waveforms over which a member's logits are averaged.
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
        self.shifts = [[round(shift * rate) for shift in shifts_seconds] for rate in self.rates]

    def forward(self, *waveforms: Tensor) -> Tensor:
        """Map clips (B, samples), once at each of `rates`, to log-probabilities (B, classes)."""
        copies = [
            torch.cat([_rolled(waveform, shift) for shift in shifts])
            for waveform, shifts in zip(waveforms, self.shifts, strict=True)
        ]
        count = len(self.shifts[0])
        pooled: list[Tensor] = []
        for index, graph in enumerate(self.graphs):
            logits = graph(copies[self.places[index]])
            logits = logits.reshape(count, -1, logits.shape[1]).mean(dim=0)
            cooled = torch.log_softmax(logits / self.temperatures[index], dim=1)
            pooled.append(self.weights[index] * cooled)
        return torch.log_softmax(torch.stack(pooled).sum(dim=0), dim=1)


def member_graph(member: Member) -> nn.Module:
    """Make the module of one member.

    Parameters
    ----------
    member : Member
        A trained model.

    Returns
    -------
    nn.Module
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


def _rolled(waveform: Tensor, shift: int) -> Tensor:
    """Roll clips to the right, as np.roll does."""
    if shift == 0:
        return waveform
    return torch.cat([waveform[:, -shift:], waveform[:, :-shift]], dim=1)
