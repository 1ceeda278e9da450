"""White-box attacks on the network's own input: how little it takes to turn a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from src import InputError
from src.detector import network

if TYPE_CHECKING:
    import keras

EPSILONS = (1, 2, 4)  # levels of 255
STEPS = 10
# All steps of an attack together are this many epsilons long, so that it can get from anywhere in
# its range to any edge and still move along that (Madry et al. 2018).
PATH = 2.5

# Images, (N, S, S, 3) float32, to their (N,) logits and the gradient of each, as the images.
_Differentiator = Callable[[np.ndarray], tuple[Any, Any]]
# Kept as long as the network, because to trace one takes longer than to run it.
_DIFFERENTIATORS: WeakKeyDictionary[Any, _Differentiator] = WeakKeyDictionary()


def attacks(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    seed: int = 0,
    *,
    batch_size: int = 32,
) -> dict[str, np.ndarray]:
    """Attack images in six ways: `fgsm` and `pgd` within 1, 2 and 4 levels.

    Args:
        images: `(N, S, S, 3)` uint8 RGB.
        labels: `(N,)` 1 fake, 0 real.
        seed: of where PGD starts; the batch size makes no difference to it.

    Returns:
        `fgsm 1`, `fgsm 2`, `fgsm 4`, `pgd 1`, `pgd 2`, `pgd 4`: `(N, S, S, 3)` uint8 each.
    """
    _require_labels(images, labels)
    names = [f"{name} {epsilon}" for name in ("fgsm", "pgd") for epsilon in EPSILONS]
    results = {name: np.empty_like(images) for name in names}
    rng = np.random.default_rng(seed)
    # Batches of one size, or nearly: JAX compiles the network anew for each size.
    size = math.ceil(len(images) / math.ceil(len(images) / batch_size)) if len(images) else 1
    for first in range(0, len(images), size):
        batch = slice(first, first + size)
        some, truth = images[batch], np.asarray(labels)[batch]
        direction = np.sign(input_gradient(model, some, truth))
        start = _start(some, rng)
        for epsilon in EPSILONS:
            results[f"fgsm {epsilon}"][batch] = _within(some, epsilon * direction)
            results[f"pgd {epsilon}"][batch] = _ascend(model, some, truth, epsilon, start, STEPS)
    return results


def fgsm(model: keras.Model, images: np.ndarray, labels: np.ndarray, epsilon: int) -> np.ndarray:
    """Move every value by epsilon, the way that raises the loss (Goodfellow et al. 2015).

    The fast gradient sign method, arXiv 1412.6572.

    Args:
        model: a network of `network.build`, or one saved with its sigmoid.
        images: `(N, S, S, 3)` uint8 RGB; N is a batch.
        labels: `(N,)` 1 fake, 0 real.
        epsilon: in levels of 255, a whole number from 1.

    Returns:
        `(N, S, S, 3)` uint8, nowhere farther than epsilon from `images`.

    Raises:
        InputError: the labels do not fit the images, or epsilon is no whole number from 1.
    """
    _require_levels(epsilon)
    return _within(images, epsilon * np.sign(input_gradient(model, images, labels)))


def pgd(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    epsilon: int,
    *,
    steps: int = STEPS,
    seed: int = 0,
) -> np.ndarray:
    """Climb the loss in small steps from a random start, never farther than epsilon.

    Projected gradient descent on the negative loss, Madry et al. 2018, arXiv 1706.06083.

    Args:
        model, images, labels, epsilon: as of `fgsm`.
        steps: how many times the network is differentiated.
        seed: of the start.

    Returns:
        As `fgsm`.

    Raises:
        InputError: as from `fgsm`.
    """
    _require_levels(epsilon)
    start = _start(images, np.random.default_rng(seed))
    return _ascend(model, images, labels, epsilon, start, steps)


def input_gradient(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Differentiate the loss by the image, on every Keras backend.

    Args:
        images: `(N, S, S, 3)` RGB in 0..255, of any number type; N is a batch.
        labels: `(N,)` 1 fake, 0 real.

    Returns:
        `(N, S, S, 3)` float32: for each image the gradient of its own binary cross-entropy, in
        nats for a level of 255.
    """
    import keras

    _require_labels(images, labels)
    if model not in _DIFFERENTIATORS:
        _DIFFERENTIATORS[model] = _differentiator(network.logits(model))
    outputs = _DIFFERENTIATORS[model](np.asarray(images, np.float32))
    logits, gradient = (keras.ops.convert_to_numpy(output) for output in outputs)
    # By hand, because sigmoid(logit) - label is zero in float32 where the network is sure and
    # right: the attack would fail on the images that it is there for.
    sign = np.where(np.asarray(labels) == 1, 1.0, -1.0)
    slope = -sign * np.exp(-np.logaddexp(0, sign * logits))
    return (slope[:, None, None, None] * gradient).astype(np.float32)


def _differentiator(model: keras.Model) -> _Differentiator:
    """Return what gives the logits of images and the gradient of each by its own image."""
    import keras

    makers = {"tensorflow": _with_tensorflow, "jax": _with_jax, "torch": _with_torch}
    return makers[keras.backend.backend()](model)


def _with_tensorflow(model: keras.Model) -> _Differentiator:
    import tensorflow as tf

    # With a free number of images, or each number would be traced.
    @tf.function(input_signature=[tf.TensorSpec(model.input.shape, tf.float32)])
    def differentiate(images: Any) -> tuple[Any, Any]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = model(images, training=False)[:, 0]
        return logits, tape.gradient(logits, images)

    return differentiate


def _with_jax(model: keras.Model) -> _Differentiator:
    import jax

    def total(images: Any, trainable: Any, fixed: Any) -> tuple[Any, Any]:
        outputs, _ = model.stateless_call(trainable, fixed, images, training=False)
        return outputs[:, 0].sum(), outputs[:, 0]

    differentiate = jax.jit(jax.grad(total, has_aux=True))

    def call(images: np.ndarray) -> tuple[Any, Any]:
        # Weights are handed in at every call, because they may have changed since the last.
        trainable = [variable.value for variable in model.trainable_variables]
        fixed = [variable.value for variable in model.non_trainable_variables]
        gradient, logits = differentiate(images, trainable, fixed)
        return logits, gradient

    return call


def _with_torch(model: keras.Model) -> _Differentiator:
    import keras
    import torch

    def call(images: np.ndarray) -> tuple[Any, Any]:
        inputs = keras.ops.convert_to_tensor(images).requires_grad_()
        logits = model(inputs, training=False)[:, 0]
        # Not `backward`, which would also leave a gradient in every weight.
        return logits, torch.autograd.grad(logits.sum(), inputs)[0]

    return call


def _start(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw where PGD starts, in epsilons: like `images`, float32 in [-1, 1)."""
    return 2 * rng.random(images.shape, np.float32) - 1


def _ascend(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    epsilon: int,
    start: np.ndarray,
    steps: int,
) -> np.ndarray:
    shift = epsilon * start
    for _ in range(steps):
        gradient = input_gradient(model, np.clip(images + shift, 0, 255), labels)
        shift += PATH * epsilon / steps * np.sign(gradient)
        np.clip(shift, -epsilon, epsilon, out=shift)
    return _within(images, shift)


def _within(images: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Add a shift, as a picture of whole levels."""
    return np.clip(np.rint(images + shift), 0, 255).astype(np.uint8)


def _require_levels(epsilon: int) -> None:
    if not isinstance(epsilon, int | np.integer) or epsilon < 1:
        raise InputError(
            f"epsilon counts in levels of 255: give a whole number from 1, not {epsilon!r}"
        )


def _require_labels(images: np.ndarray, labels: np.ndarray) -> None:
    labels = np.asarray(labels)
    if labels.shape != (len(images),) or not np.isin(labels, (0, 1)).all():
        raise InputError(
            f"an attack needs a label for each of its {len(images)} images, 1 for fake and 0 for "
            f"real; got labels of shape {labels.shape} with the values {np.unique(labels)[:5]}"
        )
