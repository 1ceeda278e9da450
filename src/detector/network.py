"""The network: an ImageNet backbone under a small head, in one flat functional graph.

Image (raw RGB, 0 to 255) → scaling → backbone → global average → Dense(relu) → Dropout → logit.
A `model` is a network of `build` in this package, or one that was saved with its sigmoid.
"""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src import InputError
from src.detector import residuals, resnext
from src.detector.torch_file import read_tensors

if TYPE_CHECKING:
    import keras

POOLING, HIDDEN, DROPOUT, LOGIT, P_FAKE = "features", "dense", "dropout", "logit", "p_fake"
HIDDEN_UNITS = 256
# A layer is deep when its map is at least this many times smaller than the image.
DEEP = 12

_HOST = "https://storage.googleapis.com/tensorflow/keras-applications/"


@dataclass(frozen=True)
class Backbone:
    """A network and what we need to know of it."""

    constructor: str  # name of the function that builds it
    evidence_layer: str  # the layer whose output the head averages
    # Scale and offset, of all channels or of each, that bring 0..255 to what it expects; None where
    # it scales itself.
    scaling: tuple[float, float] | tuple[list[float], list[float]] | None
    weights_url: str  # its ImageNet weights; the top, if there is one, is left out
    smallest: int  # smallest side of the input in pixels
    module: str = "keras.applications"  # where that function stands
    # Where the network ends that those weights are of; None: with the evidence layer.
    pretrained_layer: str | None = None
    image_size: int = 299  # side of the input in pixels, where none is asked for


_XCEPTION_WEIGHTS = _HOST + "xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5"

BACKBONES = {
    "xception": Backbone(
        "Xception",
        residuals.XCEPTION_END,
        scaling=residuals.SCALING,
        weights_url=_XCEPTION_WEIGHTS,
        smallest=71,
    ),
    residuals.NAME: Backbone(
        "Xception",
        residuals.MAP,
        scaling=None,
        weights_url=_XCEPTION_WEIGHTS,
        smallest=71 * residuals.HALF,
        module="src.detector.residuals",
        pretrained_layer=residuals.XCEPTION_END,
    ),
    "efficientnetv2-s": Backbone(
        "EfficientNetV2S",
        "top_activation",
        scaling=None,
        weights_url=_HOST + "efficientnet_v2/efficientnetv2-s_notop.h5",
        smallest=32,
    ),
    resnext.NAME: Backbone(
        "resnext50",
        "layer4_2_out",
        scaling=resnext.SCALING,
        weights_url="https://download.pytorch.org/models/resnext50_32x4d-7cdf4587.pth",
        smallest=32,
        module="src.detector.resnext",
        image_size=resnext.IMAGE_SIZE,
    ),
}


def backbone(name: str) -> Backbone:
    """Look up a backbone by name."""
    if name not in BACKBONES:
        raise InputError(f"unknown backbone {name!r}: choose one of {', '.join(BACKBONES)}")
    return BACKBONES[name]


def build(
    name: str = "xception",
    *,
    image_size: int = 299,
    dropout: float = 0.5,
    weights: Path | None = None,
) -> keras.Model:
    """Build the network that ends in the logit of *fake*.

    Args:
        name: a key of `BACKBONES`.
        image_size: side of the square input in pixels.
        dropout: share of hidden units dropped in training, in [0, 1).
        weights: file with weights of the backbone (`.h5`, `.weights.h5` without the top; `.pth`
            from torchvision), or a `.keras` model of ours, whose head is taken as well; None starts
            at random.

    Returns:
        A model from `(N, S, S, 3)` RGB in 0..255 to `(N, 1)` float32 logits.

    Raises:
        InputError: unknown name, a size that the backbone cannot take, or weights that do not fit.
    """
    import keras

    spec = backbone(name)
    if image_size < spec.smallest:
        raise InputError(
            f"image size {image_size} is too small for {name}: give at least {spec.smallest}"
        )
    image = x = keras.Input((image_size, image_size, 3), name="image")
    if spec.scaling is not None:
        x = keras.layers.Rescaling(*spec.scaling, name="scaling")(x)
    constructor = getattr(import_module(spec.module), spec.constructor)
    body = constructor(include_top=False, weights=None, input_tensor=x)
    x = keras.layers.GlobalAveragePooling2D(name=POOLING)(body.output)
    x = keras.layers.Dense(HIDDEN_UNITS, activation="relu", name=HIDDEN)(x)
    # With a seed, because PyTorch's dropout without one draws from a generator that no checkpoint
    # holds. Keras draws the seeds of the other backends the same way.
    seed = random.randint(1, 10**9)
    x = keras.layers.Dropout(dropout, seed=seed, name=DROPOUT)(x)
    # float32 also under mixed precision: half precision would quantise large logits.
    logit = keras.layers.Dense(1, dtype="float32", name=LOGIT)(x)
    model = keras.Model(image, logit, name=name)
    resnext.use_fast_groups(model)
    if weights is not None:
        _load(model, body, Path(weights))
    else:
        _start_local(body)
    return model


def _start_local(body: keras.Model) -> None:
    """Let the deep depthwise convolutions of a random network begin as identities.

    Dirac initialisation (Zagoruyko & Komodakis 2017, arXiv 1706.00388). A few dozen random 3×3
    averages on a small map mix every trace with the whole image. In short trainings on drafts of
    the drawn sample the evidence lay in the manipulated region only with this start.
    """
    import keras

    for layer in body.layers:
        if isinstance(layer, keras.layers.SeparableConv2D | keras.layers.DepthwiseConv2D):
            separable = isinstance(layer, keras.layers.SeparableConv2D)
            kernel = layer.depthwise_kernel if separable else layer.kernel
            if layer.output.shape[1] * DEEP <= body.inputs[0].shape[1]:
                identity = np.zeros(kernel.shape, np.float32)
                identity[kernel.shape[0] // 2, kernel.shape[1] // 2] = 1.0
                kernel.assign(identity)


def _load(model: keras.Model, body: keras.Model, path: Path) -> None:
    """Fill the layers of `model` from one of ours, or those of its `body` from a weights file."""
    import keras

    if not path.is_file():
        raise InputError(f"{path}: no such weights file")
    with in_one_line(f"{path}: these weights do not fit the network on {body.name!r}"):
        if path.suffix in (".pth", ".pt"):
            resnext.set_torch_weights(body, read_tensors(path))
        elif path.suffix == ".keras":
            _transfer(keras.models.load_model(path, compile=False), model)
        else:
            end = backbone(model.name).pretrained_layer
            whole = keras.Model(body.inputs, body.get_layer(end).output) if end else body
            whole.load_weights(path)


@contextmanager
def in_one_line(said: str) -> Iterator[None]:
    """Make an `InputError` of what Keras raises over a file that is damaged or another one."""
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{said}: {reason}") from error


def _transfer(source: keras.Model, model: keras.Model) -> None:
    """Copy all weights from one network to another.

    To one with a table of residuals from one without: the head's weights for what it says are zero
    then, so that the answers stay the same.
    """
    # By position: Keras numbers the layers without a name of their own anew in each process.
    theirs, ours = ([layer for layer in m.layers if layer.weights] for m in (source, model))
    if residuals.table_of(source) is None:
        ours = [layer for layer in ours if layer is not residuals.table_of(model)]
    for layer, other in zip(ours, theirs, strict=True):
        found = other.get_weights()
        if layer.name == HIDDEN and residuals.table_of(source) is None:
            found[0] = np.pad(found[0], ((0, layer.kernel.shape[0] - len(found[0])), (0, 0)))
        layer.set_weights(found)


def of_any_size(model: keras.Model, sides: Sequence[int] = ()) -> keras.Model:
    """Return a copy of `model`, with the same weights, that takes images of any size.

    Args:
        sides: of the squares that it will be given, in pixels.

    Raises:
        InputError: its maps do not fit each other at one of these.
    """
    import keras

    image = keras.Input((None, None, 3), name=model.inputs[0].name)
    copy = keras.models.clone_model(model, input_tensors=image)
    copy.set_weights(model.get_weights())
    resnext.use_fast_groups(copy)
    for side in sides:
        try:
            copy.compute_output_shape((1, side, side, 3))
        except ValueError as error:
            raise InputError(
                f"--crop {side}: {model.name} for images of {model.input_shape[1]} pixels cannot "
                "take squares of that side; give another, or another --backbone"
            ) from error
    return copy


def probability(model: keras.Model) -> keras.Model:
    """Return `model` with a sigmoid on its logit: its output is the probability of *fake*."""
    import keras

    p_fake = keras.layers.Activation("sigmoid", dtype="float32", name=P_FAKE)(model.output)
    return keras.Model(model.input, p_fake, name=model.name)


def logits(model: keras.Model) -> keras.Model:
    """Return the part of a saved model that ends in the logit, weights shared."""
    import keras

    return keras.Model(model.input, model.get_layer(LOGIT).output, name=model.name)


def backbone_layers(model: keras.Model) -> list[Any]:
    """Return the layers below the head, from the image upwards."""
    names = [layer.name for layer in model.layers]
    return model.layers[: names.index(POOLING)]


def extractor(model: keras.Model) -> keras.Model:
    """Return the part from the image to the averaged features `(N, C)`, weights shared."""
    import keras

    return keras.Model(model.input, model.get_layer(POOLING).output, name="extractor")


def head(model: keras.Model) -> keras.Model:
    """Return the part from the averaged features to the logit, weights shared."""
    import keras

    features = x = keras.Input(model.get_layer(POOLING).output.shape[1:], name=POOLING)
    for name in (HIDDEN, DROPOUT, LOGIT):
        x = model.get_layer(name)(x)
    return keras.Model(features, x, name="head")
