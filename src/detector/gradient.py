"""The gradient of the logit by what goes into a network, on every Keras backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

# Takes a float32 array an input; gives a list of the outputs, and the gradient of the logits, the
# first of them, by the last input, which tells of each image by itself.
Differentiator = Callable[..., tuple[list[Any], Any]]


def differentiator(model: keras.Model, compiled: bool = False) -> Differentiator:
    """Return what differentiates a network of which each image's logit depends on it alone.

    Args:
        model: its first output is the logits, `(N, 1)`.
        compiled: take the time to make it fast, because it is called again and again.
    """
    import keras

    makers = {"tensorflow": _with_tensorflow, "jax": _with_jax, "torch": _with_torch}
    return makers[keras.backend.backend()](keras.Model(model.inputs, model.outputs), compiled)


def _with_tensorflow(model: keras.Model, compiled: bool) -> Differentiator:
    import keras
    import tensorflow as tf

    def differentiate(*arrays: Any) -> tuple[list[Any], Any]:
        inputs = [tf.convert_to_tensor(array) for array in arrays]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs[-1])
            outputs = keras.tree.flatten(model(inputs, training=False))
        return outputs, tape.gradient(outputs[0], inputs[-1])

    # With a free number of images, or each number would be traced.
    signature = [tf.TensorSpec(one.shape, tf.float32) for one in model.inputs]
    return tf.function(differentiate, input_signature=signature) if compiled else differentiate


def _with_jax(model: keras.Model, compiled: bool) -> Differentiator:
    import jax
    import keras

    def total(last: Any, others: Any, trainable: Any, fixed: Any) -> tuple[Any, Any]:
        found, _ = model.stateless_call(trainable, fixed, [*others, last], training=False)
        outputs = keras.tree.flatten(found)
        return outputs[0].sum(), outputs

    gradient_of = jax.grad(total, has_aux=True)
    if compiled:
        gradient_of = jax.jit(gradient_of)

    def differentiate(*arrays: Any) -> tuple[list[Any], Any]:
        # Weights are handed in at every call, because they may have changed since the last.
        trainable = [variable.value for variable in model.trainable_variables]
        fixed = [variable.value for variable in model.non_trainable_variables]
        gradient, outputs = gradient_of(arrays[-1], arrays[:-1], trainable, fixed)
        return outputs, gradient

    return differentiate


def _with_torch(model: keras.Model, compiled: bool) -> Differentiator:
    import keras
    import torch

    def differentiate(*arrays: Any) -> tuple[list[Any], Any]:
        inputs = [keras.ops.convert_to_tensor(array) for array in arrays]
        last = inputs[-1].requires_grad_()
        outputs = keras.tree.flatten(model(inputs, training=False))
        # Not `backward`, which would also leave a gradient in every weight.
        return outputs, torch.autograd.grad(outputs[0].sum(), last)[0]

    return differentiate
