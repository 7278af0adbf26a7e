"""Reading float32 parameters from an ONNX graph made for quantised inference."""

from typing import Any

import torch
from torch import Tensor


class OnnxGraph:
    """Nodes and parameters of an ONNX graph, without its quantisation.

    Parameters
    ----------
    model : bytes
        The .onnx file.
    data : bytes
        The file beside it that holds the initializers.
    """

    def __init__(self, model: bytes, data: bytes) -> None:
        import onnx

        graph = onnx.load_model_from_string(model).graph
        self._nodes = list(graph.node)
        self._initializers = {item.name: item for item in graph.initializer}
        self._producers = {output: node for node in graph.node for output in node.output}
        self._data = data

    def nodes(self, kind: str) -> list[Any]:
        """List the nodes of one operator, in the order of the graph."""
        return [node for node in self._nodes if node.op_type == kind]

    def parameter(self, name: str) -> Tensor:
        """Read the parameter that a node takes as input `name`.

        Raises
        ------
        KeyError
            If the input is not made from a parameter.
        ValueError
            If the parameter is not float32.
        """
        from onnx import numpy_helper

        # A weight passes through a pair of Quantize and Dequantize nodes on its way.
        while name not in self._initializers:
            name = self._producers[name].input[0]
        values = numpy_helper.to_array(self._with_data(self._initializers[name]))
        if values.dtype != "float32":
            raise ValueError(f"{name} is {values.dtype}, not float32")
        return torch.from_numpy(values.copy())

    def _with_data(self, initializer: Any) -> Any:
        """Copy an initializer with its values, which may lie in the file beside the graph."""
        import onnx

        tensor = onnx.TensorProto()
        tensor.CopyFrom(initializer)
        if tensor.external_data:
            place = {entry.key: entry.value for entry in tensor.external_data}
            start = int(place["offset"])
            tensor.raw_data = self._data[start : start + int(place["length"])]
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]
        return tensor


def attributes(node: Any) -> dict[str, Any]:
    """Read the attributes of a node."""
    from onnx import helper

    return {item.name: helper.get_attribute_value(item) for item in node.attribute}
