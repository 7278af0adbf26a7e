"""The formats, each as bytes.

Everything is packed in memory: torch's own writers put the file's name into the file, and do not
say in a form to act on that a disk is full.
"""

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from earwitness.export.facts import Facts, as_json, as_properties

# The file within .pt2 and TorchScript archives that holds the facts.
FACTS_FILE = "earwitness.json"
# TorchScript declares a module's constants in the order of a set, another in each process.
_CONSTANTS = re.compile(rb"(?:^  \w+ : Final\[.*\n)+", re.MULTILINE)


@dataclass(frozen=True)
class Exportable:
    """A graph and what is known about it.

    Attributes
    ----------
    graph : nn.Module
        In evaluation mode; takes one tensor (B, samples) for each of the facts' inputs.
    facts : Facts
        What its files say.
    """

    graph: nn.Module
    facts: Facts

    @property
    def example(self) -> tuple[Tensor, ...]:
        """Silence, two clips of it: some formats keep their example, and clips have owners."""
        return tuple(torch.zeros(2, self.facts.samples(rate)) for rate in self.facts.sample_rates)

    @cached_property
    def program(self) -> torch.export.ExportedProgram:
        """The graph as a `torch.export` program for any number of clips, traced once."""
        batch = torch.export.Dim("batch")
        axes: Any = tuple({0: batch} for _ in self.facts.sample_rates)
        if len(self.facts.sample_rates) > 1 or self.facts.output == "log_probabilities":
            axes = (axes,)  # they are one argument: *waveforms
        with quietly():
            program = torch.export.export(self.graph, self.example, dynamic_shapes=axes)
        for module in program.graph_module.modules():
            for node in getattr(module, "graph", torch.fx.Graph()).nodes:
                node.meta.pop("stack_trace", None)  # it names this machine's folders
        return program


def pack_onnx(model: Exportable) -> bytes:
    """Pack as ONNX, with the facts as ``metadata_props``.

    Parameters
    ----------
    model : Exportable
        What to pack.

    Returns
    -------
    bytes
        One file, weights inside.
    """
    with quietly():
        program = torch.onnx.export(
            model.program,
            (),
            dynamo=True,
            input_names=model.facts.inputs,
            output_names=[model.facts.output],
            external_data=False,
            verbose=False,
        )
        assert program is not None
        proto = program.model_proto
    del proto.metadata_props[:]
    for key, value in as_properties(model.facts).items():
        proto.metadata_props.add(key=key, value=value)
    graph = proto.graph
    for entry in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del entry.metadata_props[:]  # stack traces, which name this machine's folders
    del graph.metadata_props[:]
    packed: bytes = proto.SerializeToString(deterministic=True)
    return packed


def pack_torch_export(model: Exportable) -> bytes:
    """Pack as a `torch.export` program (``.pt2``), with the facts as an extra file.

    Parameters
    ----------
    model : Exportable
        What to pack.

    Returns
    -------
    bytes
        For `torch.export.load`.
    """
    target = io.BytesIO()
    with quietly():
        torch.export.save(model.program, target, extra_files={FACTS_FILE: _facts(model)})
    return target.getvalue()


def pack_torchscript(model: Exportable) -> bytes:
    """Pack as TorchScript, with the facts as an extra file.

    What does not script is traced: no graph here takes a branch that depends on its input.

    Parameters
    ----------
    model : Exportable
        What to pack.

    Returns
    -------
    bytes
        For `torch.jit.load`.
    """
    packed = io.BytesIO()
    with quietly(), torch.no_grad():
        try:
            program = torch.jit.script(model.graph)
        except Exception:  # of many classes, whenever code is beyond TorchScript's Python
            program = torch.jit.trace(  # type: ignore[no-untyped-call]
                model.graph, model.example, check_trace=False
            )
        torch.jit.save(program, packed, _extra_files={FACTS_FILE: _facts(model)})
    return _without_sources(packed.getvalue())


PACK = {
    "onnx": pack_onnx,
    "torch_export": pack_torch_export,
    "torchscript": pack_torchscript,
}
SUFFIXES = {"onnx": ".onnx", "torch_export": ".pt2", "torchscript": ".torchscript.pt"}


def _facts(model: Exportable) -> str:
    return json.dumps(as_json(model.facts), ensure_ascii=False)


def _without_sources(packed: bytes) -> bytes:
    """Copy an archive of TorchScript without line numbers of sources and without the example.

    What is left has the same bytes in every process.
    """
    reader, target = torch._C.PyTorchFileReader(io.BytesIO(packed)), io.BytesIO()
    writer = torch._C.PyTorchFileWriter(target)
    for name in reader.get_all_records():
        if name.endswith(".debug_pkl") or name.startswith(("traced_inputs", ".data/")):
            continue
        if name in {"version", "byteorder"}:
            continue  # the writer's own
        record = reader.get_record(name)
        if name.startswith("code/") and name.endswith(".py"):
            record = _CONSTANTS.sub(lambda m: b"".join(sorted(m[0].splitlines(True))), record)
        writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    return target.getvalue()


@contextmanager
def quietly() -> Iterator[None]:
    """Silence deprecations and notes on other libraries that a user can do nothing about."""
    names = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
