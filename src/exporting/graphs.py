"""The network as a file that other runtimes read, with the evidence map computed inside."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src import InputError, install
from src.detector import evidence
from src.detector.familiarity import Familiarity

if TYPE_CHECKING:
    import keras

# What Keras' exporter calls each format, and the package that it needs.
KERAS_FORMATS = {
    "onnx": ("onnx", "tf2onnx"),
    "openvino": ("openvino", "openvino"),
    "litert": ("litert", "ai_edge_litert"),
    "saved_model": ("tf_saved_model", "tensorflow"),
}


# How ONNX Runtime's converter ends the name of what rounds the value of a node in float32.
ROUNDING = "_cast_to_fp16_node"


def with_outputs(
    model: keras.Model,
    temperature: float,
    familiarity: Familiarity | None = None,
    features: bool = False,
) -> keras.Model:
    """Return the model that is exported.

    Args:
        familiarity: what the distance to the training faces is computed with.
        features: give the averaged features too, which a temporal head takes.

    Returns:
        A model from `(N, S, S, 3)` RGB in 0..255 to `logit (N,)`, `p_fake (N,)`, `evidence
        (N, h, w)`, `bias (N,)` and, with familiarity, `unfamiliarity (N,)`, with features
        `features (N, C)`, all float32.
    """
    import keras
    from keras import ops

    explained = evidence.with_evidence(model, familiarity, features)

    class Probability(keras.layers.Layer):
        def call(self, logit: Any) -> Any:
            return ops.sigmoid(logit / temperature)

    outputs = dict(explained.output)
    outputs["p_fake"] = Probability(name="p_fake", dtype="float32")(outputs["logit"])
    return keras.Model(explained.input, outputs, name="exported")


def require_exporter(format: str) -> None:
    """Stop before work is done whose result could not be written.

    Raises:
        InputError: Keras runs on another backend than TensorFlow, or the package that writes this
            format is not installed.
    """
    import keras

    if (backend := keras.backend.backend()) != "tensorflow":
        raise InputError(
            f"exporting needs Keras on TensorFlow, and this is Keras on {backend}: run "
            "`deepfake export` with KERAS_BACKEND=tensorflow; the bundle is the same"
        )
    if find_spec(KERAS_FORMATS[format][1]) is None:
        raise InputError(f"--format {format} needs one more package: {install('export')}")


def write(
    model: keras.Model,
    temperature: float,
    path: Path,
    format: str,
    familiarity: Familiarity | None = None,
    features: bool = False,
) -> None:
    """Write the network in float32 by Keras' own exporter, see `require_exporter`.

    Args:
        path: the main file, or the folder of a SavedModel.
        format: key of `KERAS_FORMATS`.
    """
    exported = with_outputs(model, temperature, familiarity, features)
    side = exported.input_shape[1]
    # Keras' ONNX exporter needs a model that has been called.
    exported(np.zeros((1, side, side, 3), np.float32))
    path.parent.mkdir(parents=True, exist_ok=True)
    exported.export(str(path), format=KERAS_FORMATS[format][0], verbose=False)


def halve(source: Path, target: Path) -> None:
    """Write an ONNX graph with float16 weights; inputs, outputs, head and evidence stay float32."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    graph = onnx.load(source)
    kept = after_pooling(graph.graph.node)
    half = convert_float_to_float16(graph, keep_io_types=True, node_block_list=kept)
    # The converter casts a tensor once for each node that takes it, always under one name.
    seen: set[str] = set()
    for node in list(half.graph.node):
        if node.name in seen:
            half.graph.node.remove(node)
        seen.add(node.name)
    # It also rounds what nodes in float32 hand to each other and to the outputs; what it casts back
    # is taken from before that, so that the evidence adds up to the logit.
    casts = [node for node in half.graph.node if node.op_type == "Cast"]
    rounded = {n.output[0]: n.input[0] for n in casts if n.name.endswith(ROUNDING)}
    for node in casts:
        if node.attribute[0].i == onnx.TensorProto.FLOAT:
            node.input[0] = rounded.get(node.input[0], node.input[0])
    # It appends its casts at the end, where ONNX wants every node behind what it takes.
    OnnxModel(half).topological_sort()
    onnx.save(half, target)


def after_pooling(nodes: Sequence[Any]) -> list[str]:
    """Return the names of all nodes of an ONNX graph from its last global average on.

    Exporters put the head and the evidence behind it; earlier ones belong to the backbone.
    """
    pooled = max(i for i, node in enumerate(nodes) if node.op_type == "GlobalAveragePool")
    return [node.name for node in nodes[pooled:]]
