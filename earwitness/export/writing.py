"""One model in all formats, each compared with it before it stays."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from earwitness.export.facts import Facts
from earwitness.export.formats import PACK, SUFFIXES, Exportable
from earwitness.export.parity import OPEN, Array, Clips, Parity, compare
from earwitness.schema.export import ExportParams

Report = dict[str, Parity | dict[str, str]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """A model on its way into files.

    Attributes
    ----------
    facts : Facts
        What its files say of it.
    make_graph : callable
        Makes its module; may raise where nobody wrote it in exportable operations.
    expected : np.ndarray [shape=(B, classes)]
        What `earwitness.export.parity.ask` got from the model itself.
    clips : dict of int to np.ndarray [shape=(B, samples)]
        By rate.
    """

    facts: Facts
    make_graph: Callable[[], nn.Module]
    expected: Array
    clips: Clips


def write_formats(work: Work, params: ExportParams, out: Path) -> Report:
    """Write a model in all formats; what a format cannot do is no reason to stop.

    Parameters
    ----------
    work : Work
        The model.
    params : ExportParams
        Section ``export``.
    out : Path
        The folder to write to.

    Returns
    -------
    dict
        By format, how far the file is from the model, or ``{"failed": reason}``. What failed
        left no file.
    """
    report: Report = {}
    try:
        graph = work.make_graph().requires_grad_(False)
    except Exception as error:  # a front end that is not written down for export, say
        return {name: _failed(work, name, error) for name in params.formats}
    model = Exportable(graph, work.facts)
    for name in params.formats:
        path = out / f"{work.facts.model}{SUFFIXES[name]}"
        try:
            packed = PACK[name](model)
        except Exception as error:  # exporters raise whatever their compilers do
            report[name] = _failed(work, name, error)
            continue
        path.write_bytes(packed)  # not within `try`: a full disk is a reason to stop
        try:
            parity = compare(OPEN[name](path), work.clips, work.expected)
            if parity["max_abs_difference"] > params.tolerance:
                raise ValueError(
                    f"it differs from the model by {parity['max_abs_difference']:g}, more than "
                    f"export.tolerance {params.tolerance:g}"
                )
        except Exception as error:
            path.unlink()
            report[name] = _failed(work, name, error)
        else:
            report[name] = parity
    return report


def _failed(work: Work, name: str, error: Exception) -> dict[str, str]:
    """Note a reason that is the same on every run: no addresses, no folders of this machine."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    reason = re.sub(r"0x[0-9a-fA-F]+|(/[\w.-]+){2,}/", "", f"{type(error).__name__}: {text}")[:300]
    log.warning(
        "export: %s has no %s file, its state dict is there (%s)", work.facts.model, name, reason
    )
    return {"failed": reason}
