"""Writes a torch network as an ONNX file with weights in half precision."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from workbench.errors import OutputError

SMALLEST_HALVED = 64
"""Constants with fewer numbers stay in single precision: halving them saves nothing."""


def export_onnx(
    network: Any,
    example: Any,
    path: Path,
    *,
    input_name: str,
    output_names: Sequence[str],
    free: Mapping[int, str] = MappingProxyType({}),
) -> None:
    """Write ``network``, which takes batches like the tensor ``example`` (1, …), to ``path``, all or nothing.

    ``free`` names those dimensions, beside the first, that may have any size. Raises OutputError when it cannot be
    written.
    """
    import onnx
    import torch

    part = path.with_name(path.name + ".part")
    try:
        with warnings.catch_warnings():
            # The newer exporter needs a further package; this one is announced as legacy but complete for our networks.
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.onnx.export(
                network.eval(),
                (example,),
                os.fspath(part),
                dynamo=False,
                opset_version=17,
                input_names=[input_name],
                output_names=list(output_names),
                dynamic_axes={name: {0: "n", **free} for name in (input_name, *output_names)},
            )
        model = onnx.load(part)
        _halve_weights(model)
        onnx.checker.check_model(model)
        onnx.save(model, part)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
    finally:
        part.unlink(missing_ok=True)


def _halve_weights(model: Any) -> None:
    """Store the graph's weights as float16, cast back where they are used: half the file, the same arithmetic."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALLEST_HALVED:
            continue
        half = f"{tensor.name}_half"
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), half))
        graph.node.insert(0, helper.make_node("Cast", [half], [tensor.name], to=TensorProto.FLOAT))
