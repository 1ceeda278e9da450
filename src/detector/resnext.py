"""ResNeXt-50 (32×4d), a backbone that `keras.applications` does not have.

Xie et al., "Aggregated Residual Transformations for Deep Neural Networks", CVPR 2017
(arXiv 1611.05431). Layer for layer the network of torchvision, whose names the layers bear with
`_` for `.`, so that its weights fit: the stride stands in the 3×3 convolution of a block, and
padding is the same on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras
    import numpy as np

NAME = "resnext50"
IMAGE_SIZE = 224  # of the paper, and of torchvision's weights
GROUPS, WIDTH = 32, 4
BLOCKS = (3, 4, 6, 3)
EXPANSION = 4
EPSILON, MOMENTUM = 1e-5, 0.9
# Mean and standard deviation of ImageNet's pictures, red, green and blue, in the range 0 to 1.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SCALING = (
    [1 / (255 * deviation) for deviation in DEVIATION],
    [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)],
)
_NORM = ("weight", "bias", "running_mean", "running_var")


def resnext50(include_top: bool, weights: str | None, input_tensor: Any) -> keras.Model:
    """Build the backbone: normalised `(N, S, S, 3)` to `(N, S / 32, S / 32, 2048)`.

    The arguments are those of `keras.applications`; there is no top and nothing to download.
    """
    import keras

    if include_top or weights is not None:
        raise ValueError("expected include_top=False and weights=None")
    x = _convolution(input_tensor, "conv1", 64, 7, stride=2)
    x = keras.layers.Activation("relu", name="relu")(_norm(x, "bn1"))
    # Nothing is below zero here, so that padding with zeros is padding with the least value.
    x = keras.layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    for stage, count in enumerate(BLOCKS, 1):
        for number in range(count):
            stride = 2 if stage > 1 and number == 0 else 1
            x = _block(x, f"layer{stage}_{number}", 2 ** (stage - 1), stride)
    return keras.Model(keras.utils.get_source_inputs(input_tensor), x, name=NAME)


def _block(x: Any, name: str, scale: int, stride: int) -> Any:
    """One bottleneck: 1×1, grouped 3×3, 1×1, beside a shortcut."""
    import keras

    inner, outer = scale * GROUPS * WIDTH, scale * 64 * EXPANSION
    shortcut = x
    if x.shape[-1] != outer or stride != 1:
        shortcut = _convolution(x, f"{name}_downsample_0", outer, 1, stride=stride)
        shortcut = _norm(shortcut, f"{name}_downsample_1")
    y = _norm(_convolution(x, f"{name}_conv1", inner, 1), f"{name}_bn1")
    y = keras.layers.Activation("relu", name=f"{name}_relu1")(y)
    y = _convolution(y, f"{name}_conv2", inner, 3, stride=stride, groups=GROUPS)
    y = keras.layers.Activation("relu", name=f"{name}_relu2")(_norm(y, f"{name}_bn2"))
    y = _norm(_convolution(y, f"{name}_conv3", outer, 1), f"{name}_bn3")
    y = keras.layers.Add(name=f"{name}_add")([y, shortcut])
    return keras.layers.Activation("relu", name=f"{name}_out")(y)


def _convolution(
    x: Any, name: str, filters: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> Any:
    import keras

    if kernel > 1:
        # Keras' "same" pads an even side at its end only, and torchvision's weights know another.
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    return keras.layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        groups=groups,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _norm(x: Any, name: str) -> Any:
    import keras

    return keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=name)(x)


def set_torch_weights(body: keras.Model, tensors: Mapping[str, np.ndarray]) -> None:
    """Fill the backbone from torchvision's weights; those of its top are left out.

    Args:
        tensors: by torchvision's names, float32; kernels are `(out, in, height, width)`.

    Raises:
        ValueError: a tensor is missing or has another shape.
    """
    for layer in body.layers:
        if not layer.weights:
            continue
        name = layer.name.replace("_", ".")
        kinds = ("weight",) if len(layer.weights) == 1 else _NORM
        missing = [f"{name}.{kind}" for kind in kinds if f"{name}.{kind}" not in tensors]
        if missing:
            raise ValueError(f"no tensor {missing[0]} in it: expected torchvision's ResNeXt-50")
        found = [tensors[f"{name}.{kind}"] for kind in kinds]
        layer.set_weights([w.transpose(2, 3, 1, 0) if w.ndim == 4 else w for w in found])


def use_fast_groups(model: keras.Model) -> None:
    """Let grouped convolutions go straight to TensorFlow's; elsewhere change nothing.

    Keras' own splits them into one convolution a group on TensorFlow's CPU path, and is written to
    ONNX as a graph that ONNX Runtime rejects. Weights, configuration and what is saved stay those
    of Keras' layer.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D) and layer.groups > 1:
            layer.convolution_op = partial(_grouped, tuple(layer.strides))


def _grouped(strides: tuple[int, int], inputs: Any, kernel: Any) -> Any:
    import tensorflow as tf

    return tf.nn.conv2d(inputs, tf.convert_to_tensor(kernel), strides, "VALID")
