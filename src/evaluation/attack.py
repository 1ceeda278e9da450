"""White-box attacks on the network's own input: how little it takes to turn a verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from src.detector import network
from src.detector.engines import BATCH
from src.detector.gradient import Differentiator, differentiator

if TYPE_CHECKING:
    import keras

EPSILONS = (1, 2, 4)  # levels of 255
STEPS = 10
# All steps of an attack together are this many epsilons long, so that it can get from anywhere in
# its range to any edge and still move along that (Madry et al. 2018).
PATH = 2.5

# Kept as long as the network, because to trace one takes longer than to run it.
_DIFFERENTIATORS: WeakKeyDictionary[Any, Differentiator] = WeakKeyDictionary()


def attacks(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Attack images in six ways: `fgsm` and `pgd`, nowhere farther than 1, 2 and 4 levels of 255.

    The fast gradient sign method moves every value by epsilon, the way that raises the loss
    (Goodfellow et al. 2015, arXiv 1412.6572). Projected gradient descent on the negative loss
    climbs it in `STEPS` small steps from a random start (Madry et al. 2018, arXiv 1706.06083).

    Args:
        images: `(N, S, S, 3)` uint8 RGB.
        labels: `(N,)` 1 fake, 0 real.
        seed: of where PGD starts; the batch size makes no difference to it.

    Returns:
        `fgsm 1`, `fgsm 2`, `fgsm 4`, `pgd 1`, `pgd 2`, `pgd 4`: `(N, S, S, 3)` uint8 each.
    """
    names = [f"{name} {epsilon}" for name in ("fgsm", "pgd") for epsilon in EPSILONS]
    results = {name: np.empty_like(images) for name in names}
    rng = np.random.default_rng(seed)
    # Batches of one size, or nearly: JAX compiles the network anew for each size.
    size = math.ceil(len(images) / math.ceil(len(images) / BATCH)) if len(images) else 1
    for first in range(0, len(images), size):
        batch = slice(first, first + size)
        some, truth = images[batch], np.asarray(labels)[batch]
        direction = np.sign(input_gradient(model, some, truth))
        # In epsilons, in [-1, 1).
        start = 2 * rng.random(some.shape, np.float32) - 1
        for epsilon in EPSILONS:
            results[f"fgsm {epsilon}"][batch] = _within(some, epsilon * direction)
            results[f"pgd {epsilon}"][batch] = _ascend(model, some, truth, epsilon, start)
    return results


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

    if model not in _DIFFERENTIATORS:
        _DIFFERENTIATORS[model] = differentiator(network.logits(model), compiled=True)
    outputs, change = _DIFFERENTIATORS[model](np.asarray(images, np.float32))
    logits, gradient = map(keras.ops.convert_to_numpy, (outputs[0][:, 0], change))
    # By hand, because sigmoid(logit) - label is zero in float32 where the network is sure and
    # right: the attack would fail on the images that it is there for.
    sign = np.where(np.asarray(labels) == 1, 1.0, -1.0)
    slope = -sign * np.exp(-np.logaddexp(0, sign * logits))
    return (slope[:, None, None, None] * gradient).astype(np.float32)


def _ascend(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    epsilon: int,
    start: np.ndarray,
) -> np.ndarray:
    shift = epsilon * start
    for _ in range(STEPS):
        gradient = input_gradient(model, np.clip(images + shift, 0, 255), labels)
        shift += PATH * epsilon / STEPS * np.sign(gradient)
        np.clip(shift, -epsilon, epsilon, out=shift)
    return _within(images, shift)


def _within(images: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Add a shift, as a picture of whole levels."""
    return np.clip(np.rint(images + shift), 0, 255).astype(np.uint8)
