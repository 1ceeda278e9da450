"""What of a network learns: its layers, the averages of its batch norms, its hidden units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from src.detector import network, residuals

if TYPE_CHECKING:
    import keras

# Over how many batches the averages of batch norms reach, from random weights: a share of an epoch
# within bounds. Keras' default, the upper one, needs hundreds of steps to leave the initial
# statistics: a short run then fits the training set and is no better than chance in inference. Over
# ten of hundreds, validation sees what those few hold, and the last of them is a small one.
AVERAGED_SHARE = 0.1
AVERAGED_BATCHES = 10, 100


def freeze(model: keras.Model) -> None:
    """Make everything below the head untrainable; batch norms then use their stored statistics."""
    for layer in network.backbone_layers(model):
        layer.trainable = False


def unfreeze(model: keras.Model, last: int) -> None:
    """Make the last backbone layers trainable, except batch norms, which stay in inference mode.

    A table of residuals stays as it is, too, here and in `unfreeze_all`: the head learns what of it
    matters, and to train it would take half as long again. Compile the model again afterwards.

    Args:
        last: number of layers, counted from the head downwards.
    """
    import keras

    freeze(model)
    for layer in network.backbone_layers(model)[-last:] if last else []:
        fixed = isinstance(layer, keras.layers.BatchNormalization) or layer.name == residuals.TABLE
        layer.trainable = not fixed


def unfreeze_all(model: keras.Model) -> None:
    """Make the whole network trainable, but for a table of residuals."""
    for layer in model.layers:
        layer.trainable = layer.name != residuals.TABLE


def average_norms(model: keras.Model, steps: int) -> None:
    """Let batch norms average over a tenth of an epoch of `steps` batches, within bounds."""
    import keras

    reach = float(np.clip(AVERAGED_SHARE * steps, *AVERAGED_BATCHES))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 1 - 1 / reach


def revive(model: keras.Model, features: np.ndarray) -> int:
    """Give hidden units that no image wakes a new beginning; the answers to these stay the same.

    A rectified unit that is zero for every image gets no gradient and never learns again. The
    averages of rectified features are far from zero, so that many units of a head are like that
    from the beginning, and more become so. A new one is awake for about half of the images.

    Args:
        model: ends in the logit.
        features: `(N, C)` averaged features of training images, see `network.extractor`.

    Returns:
        How many there were.
    """
    hidden, logit = model.get_layer(network.HIDDEN), model.get_layer(network.LOGIT)
    (kernel, bias), (outgoing, offset) = hidden.get_weights(), logit.get_weights()
    asleep = ~np.any(features @ kernel + bias > 0, axis=0)
    spread = features.std(axis=0)
    size = len(kernel), int(asleep.sum())
    drawn = np.random.default_rng(0).normal(0, len(kernel) ** -0.5, size)
    # Each feature has the same say; one that hardly varies here, or not at all, is not blown up.
    kernel[:, asleep] = drawn / (spread + 0.1 * spread.mean() + 1e-3)[:, None]
    bias[asleep] = -features.mean(axis=0) @ kernel[:, asleep]
    outgoing[asleep] = 0.0
    hidden.set_weights([kernel, bias])
    logit.set_weights([outgoing, offset])
    return size[1]
