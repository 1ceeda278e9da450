"""The evidence map: where in the image the logit comes from, exactly and without gradients.

The head is a global average and a two-layer perceptron, so Grad-CAM (Selvaraju et al., ICCV 2017)
at the layer that it averages has a closed form. With `A (h, w, C)` that layer's output,
`z = mean(A)`, `u = z·W1 + b1` and the active units `a = [u > 0]`:

    alpha   = W1 · (a * w2)
    E[i, j] = (1 / (h·w)) · sum_c alpha[c] · A[i, j, c]
    bias    = (a * w2)·b1 + b2
    logit   = sum_ij E[i, j] + bias
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from src import InputError
from src.detector import network
from src.detector.engines import FEATURES, UNFAMILIARITY
from src.detector.familiarity import Familiarity
from src.detector.gradient import differentiator

if TYPE_CHECKING:
    import keras


def with_evidence(
    model: keras.Model, known: Familiarity | None = None, features: bool = False
) -> keras.Model:
    """Return a model that gives the evidence map along with the logit, weights shared.

    Args:
        known: what the distance to the training faces is computed with; None: it is not.
        features: give the averaged features too, which a temporal head takes.

    Returns:
        A model from `(N, S, S, 3)` to a dict of `logit (N,)`, `evidence (N, h, w)`, `bias (N,)`,
        where it is known `unfamiliarity (N,)` and, if asked for, `features (N, C)`, all float32;
        positive evidence pushes towards fake, and `evidence.sum((1, 2)) + bias` is the logit.
    """
    import keras
    from keras import ops

    pooling, hidden = model.get_layer(network.POOLING), model.get_layer(network.HIDDEN)
    last = model.get_layer(network.LOGIT)

    # Layers, because bare operations are named automatically and could clash with the backbone's.
    class Evidence(keras.layers.Layer):
        def call(self, activation: Any, units: Any, logit: Any) -> dict[str, Any]:
            activation = ops.cast(activation, "float32")
            gate = ops.cast(units > 0, "float32") * last.kernel[:, 0]
            alpha = ops.matmul(gate, ops.transpose(hidden.kernel))
            _, height, width, channels = activation.shape
            # No einsum: OpenVINO refuses what tf2onnx makes of one.
            cells = ops.reshape(activation, (-1, height * width, channels))
            evidence = ops.matmul(cells, alpha[:, :, None]) / (height * width)
            evidence = ops.reshape(evidence, (-1, height, width))
            bias = ops.matmul(gate, hidden.bias) + last.bias[0]
            return {"logit": logit[:, 0], "evidence": evidence, "bias": bias}

    class Unfamiliarity(keras.layers.Layer):
        def call(self, pooled: Any) -> Any:
            return distance(ops.matmul(pooled, hidden.kernel) + hidden.bias)

    explain = Evidence(name="evidence", dtype="float32")
    outputs = dict(explain(pooling.input, hidden.output, last.output))
    if known is not None:
        distance = known.in_graph
        outputs[UNFAMILIARITY] = Unfamiliarity(name=UNFAMILIARITY, dtype="float32")(pooling.output)
    if features:
        outputs[FEATURES] = pooling.output
    return keras.Model(model.input, outputs, name="with_evidence")


def grad_cam(model: keras.Model, image: np.ndarray, layer: str) -> np.ndarray:
    """Return the Grad-CAM sum at any layer by automatic differentiation, on every Keras backend.

    At the layer that the head averages this equals the evidence map.

    Args:
        image: `(S, S, 3)` RGB in 0..255.

    Returns:
        `(h, w)` float32, signed: sum over channels of the mean gradient of the logit times the
        activation. Positive pushes towards fake.

    Raises:
        InputError: no such layer, or one whose output is not one map.
    """
    import keras

    logits = network.logits(model)
    shape = _map_shape(logits, layer)
    # What is added to a layer's output has its gradient, also within a residual branch.
    inputs = [keras.Input(logits.input.shape[1:]), keras.Input(shape)]
    seen: list[Any] = []

    def call(inner: Any, *args: Any, **kwargs: Any) -> Any:
        output = inner(*args, **kwargs)
        if inner.name == layer:
            output = keras.layers.Add(name="shift", dtype=output.dtype)([output, inputs[1]])
            seen.append(output)
        return output

    shifted = keras.models.clone_model(
        keras.Model([logits.input, keras.Input(shape)], logits.output),
        input_tensors=inputs,
        clone_function=lambda kept: kept,
        call_function=call,
    )
    differentiate = differentiator(keras.Model(inputs, [shifted.output, *seen]))
    zeros = np.zeros((1, *shape), np.float32)
    (_, activation), gradient = differentiate(np.asarray(image[None], np.float32), zeros)
    weights = keras.ops.convert_to_numpy(gradient)[0].mean(axis=(0, 1))
    map_ = (keras.ops.convert_to_numpy(activation)[0] * weights).sum(axis=-1)
    return np.asarray(map_, np.float32)


def _map_shape(model: keras.Model, layer: str) -> tuple[int, int, int]:
    # A layer that stands in several places has a map at each, and an input stands in none.
    once = {one["name"] for one in model.get_config()["layers"] if len(one["inbound_nodes"]) == 1}
    maps = {
        known.name: known.output.shape[1:]
        for known in model.layers
        if known.name in once and len(known.output.shape) == 4
    }
    if layer not in maps:
        last = ", ".join(list(maps)[-8:])
        raise InputError(f"no layer {layer!r} with an (h, w, C) output; the last such are {last}")
    return maps[layer]
