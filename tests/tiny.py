"""A backbone that builds in a blink, for tests.

    import tests.tiny
    tests.tiny.register()

In a subprocess, register before `src.train` is imported: its command line lists the backbones.
"""

from __future__ import annotations

from typing import Any

from src.detector import network

NAME = "tiny"
BACKBONE = network.Backbone(
    constructor="Tiny",
    evidence_layer="last_act",
    scaling=(1 / 127.5, -1.0),
    weights_url="https://weights.invalid/tiny_notop.h5",
    smallest=16,
)
# A layer whose output reaches the head only through the residual branch.
BRANCH_LAYER = "block1_conv"


def register() -> None:
    """Make `tiny` a backbone like the others; to call it twice does no harm."""
    import keras

    keras.applications.Tiny = tiny
    network.BACKBONES[NAME] = BACKBONE


def unregister() -> None:
    """Undo `register`."""
    import keras

    del keras.applications.Tiny
    del network.BACKBONES[NAME]


def tiny(include_top: bool, weights: str | None, input_tensor: Any) -> Any:
    """Build 17 layers with 5 batch norms and one residual branch: `(N, S, S, 3)` to S / 8."""
    import keras
    from keras import layers

    assert not include_top
    assert weights is None, "there are no weights of this one to download"
    x = _convolution(input_tensor, "stem", layers.Conv2D(8, 3, strides=2, use_bias=False))
    x = layers.Activation("relu", name="stem_act")(x)
    shortcut = _convolution(x, "shortcut", layers.Conv2D(12, 1, strides=2, use_bias=False))
    x = _convolution(x, "block1", layers.SeparableConv2D(12, 3, padding="same", use_bias=False))
    x = layers.Activation("relu", name="block1_act")(x)
    x = _convolution(x, "block2", layers.SeparableConv2D(12, 3, padding="same", use_bias=False))
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="block2_pool")(x)
    x = layers.Add(name="add")([x, shortcut])
    x = _convolution(x, "last", layers.SeparableConv2D(16, 3, strides=2, padding="same"))
    x = layers.Activation("relu", name="last_act")(x)
    return keras.Model(keras.utils.get_source_inputs(input_tensor), x, name=NAME)


def _convolution(x: Any, name: str, layer: Any) -> Any:
    import keras

    layer.name = f"{name}_conv"
    return keras.layers.BatchNormalization(name=f"{name}_bn")(layer(x))


def randomise(model: Any, seed: int = 0) -> None:
    """Give a network weights and biases with which its logits are far from zero, of both signs.

    The biases of a fresh network are zero, which hides whoever forgets them; and its features
    hardly depend on the image before the batch norms know what they normalise.
    """
    import keras
    import numpy as np

    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if variable.path.endswith("kernel"):
            incoming = int(np.prod(variable.shape[:-1]))
            variable.assign(rng.normal(0.0, (2 / incoming) ** 0.5, variable.shape))
    norms = [kind for kind in model.layers if isinstance(kind, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.gamma.assign(rng.uniform(0.5, 1.5, norm.gamma.shape))
        norm.beta.assign(rng.normal(0.0, 0.3, norm.beta.shape))
        norm.momentum = 0.0
    images = np.stack([_picture(rng, model.input.shape[1]) for _ in range(16)])
    model(images, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    hidden, logit = model.get_layer(network.HIDDEN), model.get_layer(network.LOGIT)
    width = hidden.kernel.shape[0]
    hidden.kernel.assign(rng.normal(0.0, 4.0 / width**0.5, hidden.kernel.shape))
    hidden.bias.assign(rng.normal(0.0, 0.5, hidden.bias.shape))
    logit.kernel.assign(rng.normal(0.0, 0.3, logit.kernel.shape))
    logit.bias.assign([0.0])
    logit.bias.assign([0.5 - np.median(keras.ops.convert_to_numpy(model(images)))])


def _picture(rng: Any, size: int) -> Any:
    import numpy as np
    from PIL import Image

    coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))
