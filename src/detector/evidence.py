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
from src.detector.engines import FEATURES

if TYPE_CHECKING:
    import keras


def with_evidence(model: keras.Model) -> keras.Model:
    """Return a model that gives the evidence map along with the logit, weights shared.

    Returns:
        A model from `(N, S, S, 3)` to a dict of `logit (N,)`, `evidence (N, h, w)` and `bias (N,)`,
        all float32; positive evidence pushes towards fake, and `evidence.sum((1, 2)) + bias` is
        the logit.
    """
    import keras
    from keras import ops

    pooling, hidden = model.get_layer(network.POOLING), model.get_layer(network.HIDDEN)
    last = model.get_layer(network.LOGIT)

    # A layer, because bare operations are named automatically and could clash with the backbone's.
    class Evidence(keras.layers.Layer):
        def call(self, activation: Any, units: Any, logit: Any) -> dict[str, Any]:
            activation = ops.cast(activation, "float32")
            gate = ops.cast(units > 0, "float32") * last.kernel[:, 0]
            alpha = ops.matmul(gate, ops.transpose(hidden.kernel))
            cells = activation.shape[1] * activation.shape[2]
            evidence = ops.einsum("nhwc,nc->nhw", activation, alpha) / cells
            bias = ops.matmul(gate, hidden.bias) + last.bias[0]
            return {"logit": logit[:, 0], "evidence": evidence, "bias": bias}

    outputs = Evidence(name="evidence", dtype="float32")(pooling.input, hidden.output, last.output)
    return keras.Model(model.input, outputs, name="with_evidence")


def with_features(explained: keras.Model) -> keras.Model:
    """Return a model that gives the averaged `features (N, C)` along with its other outputs."""
    import keras

    outputs = dict(explained.output)
    outputs[FEATURES] = explained.get_layer(network.POOLING).output
    return keras.Model(explained.input, outputs, name=explained.name)


def grad_cam(model: keras.Model, image: np.ndarray, layer: str) -> np.ndarray:
    """Return the Grad-CAM sum at any layer by automatic differentiation, on every Keras backend.

    At the layer that the head averages this equals the evidence map.

    Args:
        image: `(S, S, 3)` RGB in 0..255.

    Returns:
        `(h, w)` float32, signed: sum over channels of the mean gradient of the logit times the
        activation. Positive pushes towards fake.

    Raises:
        InputError: no such layer, or one whose output is not a map.
    """
    activation, gradient = _activation_and_gradient(network.logits(model), image[None], layer)
    weights = gradient.mean(axis=(0, 1))
    return np.asarray((activation * weights).sum(axis=-1), np.float32)


def _activation_and_gradient(
    model: keras.Model, images: np.ndarray, layer: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return a layer's output and the gradient of the logit with respect to it, `(h, w, C)` each.

    A zero is added to the layer's output; the gradient with respect to that zero is the one
    wanted, and is a gradient by a variable, which every backend can take.
    """
    import keras

    shape = _map_shape(model, layer)

    class Shift(keras.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.zero = self.add_weight(shape=shape, initializer="zeros", name="zero")

        def call(self, x: Any) -> Any:
            return x + keras.ops.cast(self.zero, x.dtype)

    shift = Shift(name="shift")
    seen: list[Any] = []

    def call(inner: Any, *args: Any, **kwargs: Any) -> Any:
        output = inner(*args, **kwargs)
        if inner.name != layer:
            return output
        seen.append(shift(output))
        return seen[0]

    shifted = keras.models.clone_model(model, clone_function=lambda kept: kept, call_function=call)
    both = keras.Model(shifted.input, [shifted.output, seen[0]])
    gradient = _gradient(both, shift.zero, images)
    activation = keras.ops.convert_to_numpy(both(images, training=False)[1])[0]
    return activation.astype(np.float32), gradient.astype(np.float32)


def _map_shape(model: keras.Model, layer: str) -> tuple[int, int, int]:
    import keras

    maps = {
        known.name: known.output.shape[1:]
        for known in model.layers
        if len(known.output.shape) == 4 and not isinstance(known, keras.layers.InputLayer)
    }
    if layer not in maps:
        last = ", ".join(list(maps)[-8:])
        raise InputError(f"no layer {layer!r} with an (h, w, C) output; the last such are {last}")
    return maps[layer]


def _gradient(model: keras.Model, variable: Any, images: np.ndarray) -> np.ndarray:
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            logit = model(images, training=False)[0]
        return tape.gradient(logit, variable.value).numpy()
    if backend == "jax":
        import jax

        weights = {id(v): v.value for v in model.variables}

        def logit_of(value: Any) -> Any:
            values = weights | {id(variable): value}
            outputs, _ = model.stateless_call(
                [values[id(v)] for v in model.trainable_variables],
                [values[id(v)] for v in model.non_trainable_variables],
                images,
                training=False,
            )
            return outputs[0].sum()

        return np.asarray(jax.grad(logit_of)(variable.value))
    model(images, training=False)[0].sum().backward()
    return variable.value.grad.cpu().numpy()
