"""Xception beside co-occurrences of residuals: a backbone for what neighbouring pixels betray.

What the neighbours of a pixel leave of it tells a camera from a generator. Which triples of such
residuals stand side by side, and how often, a histogram shows at once (SPAM: Pevný, Bas & Fridrich,
IEEE TIFS 5(2), 2010; residuals of higher order: Fridrich & Kodovský, IEEE TIFS 7(3), 2012, sec.
II), and convolutions learn late. The mean over all pixels of a number that is looked up by the
pixel's triple is a weighted sum of that histogram. So a table of such numbers stands beside
Xception's last map, as further channels of it, and the evidence map takes in both, exactly.

The table needs every pixel. Xception, in which most of the computing is, sees the image at half the
size.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

NAME = "xception-residuals"
SCALING = (1 / 127.5, -1.0)
XCEPTION_END, MAP, TABLE = "block14_sepconv2_act", "evidence_map", "residuals"
# How many pixels a side go into one that Xception sees.
HALF = 2
# Residuals are cut to -3..3, and three of them in a row are a triple.
TRUNCATION = 3
LEVELS = 2 * TRUNCATION + 1
TRIPLES = LEVELS**3
CHANNELS = 3
# How often neighbours are subtracted: a step, what a line leaves, what a curve leaves.
ORDERS = (1, 2, 3)
# Each channel and order has triples of its own.
KINDS = CHANNELS * len(ORDERS)
# How many numbers the table holds for each triple.
UNITS = 16
# Averages over a cell are cut to it; those of validation images deviated by 1, and 1 of 1,000 by
# 16. A strange picture, of which every pixel is a rare triple, is thousands away.
FARTHEST = 32
# What the averages are multiplied with. Xception's deviate by 0.1, and an optimiser like Adam moves
# all weights alike: so few numbers would be learnt last, when the head fits its training images by
# the 2,048 others. Not in the table, where half precision holds no number that large.
GAIN = 16
# Principal components among which directions are sought.
_COMPONENTS = 128
# Inverse strength of the regularisation of a direction.
_STRENGTH = 1e-2
# A difference beyond it is cut to it, so that bfloat16 holds each step exactly.
_LARGEST = 128
# Of a triple's share of the pixels: rarer ones are not blown up to the weight of frequent ones.
_LEAST_DEVIATION = 1e-5
# Of a component, of which the first has one in hundreds.
_LEAST_VARIANCE = 1e-3


def Xception(include_top: bool, weights: str | None, input_tensor: Any) -> "keras.Model":
    """Build the backbone: raw RGB `(N, S, S, 3)` in 0..255 to `(N, h, w, 2048 + UNITS)`.

    Xception sees the means of 2 by 2 pixels.

    The arguments are those of `keras.applications`. The table is zero, see `fitted`.
    """
    import keras

    half = keras.layers.AveragePooling2D(HALF, dtype="float32", name="half_size")(input_tensor)
    scaled = keras.layers.Rescaling(*SCALING, name="scaling")(half)
    body = keras.applications.Xception(
        include_top=include_top, weights=weights, input_tensor=scaled
    )
    last = body.get_layer(XCEPTION_END).output
    both = keras.layers.Concatenate(name=MAP)([last, _looked_up(input_tensor, last.shape[1])])
    return keras.Model(keras.utils.get_source_inputs(input_tensor), both, name=NAME)


def _looked_up(image: Any, side: int) -> Any:
    """Return what the table says of each pixel, averaged over `side` by `side` cells."""
    import keras

    codes = _codes(image)
    window = codes[0].shape[1] // side
    table = keras.layers.Embedding(
        KINDS * TRIPLES, UNITS, embeddings_initializer="zeros", name=TABLE, dtype="float32"
    )
    pool = keras.layers.AveragePooling2D(window, dtype="float32")
    mean = keras.layers.Average(dtype="float32")([pool(table(code)) for code in codes])
    return GAIN * keras.ops.clip(mean, -FARTHEST, FARTHEST)


def _codes(image: Any) -> list[Any]:
    """Number the triple at each pixel: a map of int32 for each kind, along the rows and columns.

    In green and in the differences of red and blue from it, which are whole numbers. All maps are
    `(N, S - 5, S - 5)`.
    """
    from keras import ops

    image = ops.round(ops.cast(image, "float32"))
    green = image[..., 1]
    codes = []
    for number, channel in enumerate((green, image[..., 0] - green, image[..., 2] - green)):
        for axis, inner in ((1, channel[:, :, 2:-3]), (2, channel[:, 2:-3])):
            for place, order in enumerate(ORDERS):
                kind = number * len(ORDERS) + place
                codes.append(_triples(inner, axis, order) + kind * TRIPLES)
    return codes


def _triples(channel: Any, axis: int, order: int) -> Any:
    """Number the triples of residuals along an axis, which loses 5 pixels: in [0, TRIPLES)."""
    from keras import ops

    def part(values: Any, start: int, stop: int | None) -> Any:
        return values[:, start:stop] if axis == 1 else values[:, :, start:stop]

    # The higher the order, the more pixels a triple takes; those of all begin at the same ones.
    residual = part(channel, 0, channel.shape[axis] - max(ORDERS) + order)
    for _ in range(order):
        residual = part(residual, 1, None) - part(residual, 0, -1)
        residual = ops.clip(residual, -_LARGEST, _LARGEST)
    level = ops.cast(ops.clip(residual, -TRUNCATION, TRUNCATION), "int32") + TRUNCATION
    return (part(level, 0, -2) * LEVELS + part(level, 1, -1)) * LEVELS + part(level, 2, None)


def table_of(model: "keras.Model") -> Any:
    """Return the layer that holds the table, None where there is none."""
    return next((layer for layer in model.layers if layer.name == TABLE), None)


def is_empty(model: "keras.Model") -> bool:
    """Tell whether there is a table in a network and nothing in it."""
    table = table_of(model)
    return table is not None and not np.any(table.get_weights()[0])


def fitted(batches: Iterable[np.ndarray], contrasts: Sequence[np.ndarray]) -> np.ndarray:
    """Return a table: what tells fakes from the reals of the same source, then what sets all apart.

    A direction for each contrast (logistic regression on whitened principal components), and the
    first principal components. What the table says of an image, on average over its pixels, has
    mean 0 and deviation 1 over these.

    Args:
        batches: of images, `(n, S, S, 3)` RGB in 0..255, such as are to be told apart, N in all;
            where they are few, columns stay zero.
        contrasts: `(N,)` each: 1 for fakes, -1 for the reals that they are told from, 0 for images
            that do not matter.

    Returns:
        `(KINDS * TRIPLES, UNITS)` float32.
    """
    from keras import ops
    from sklearn.decomposition import PCA

    shares = np.concatenate(
        [_shares([ops.convert_to_numpy(c) for c in _codes(batch)]) for batch in batches]
    )
    middle, spread = shares.mean(axis=0), shares.std(axis=0) + _LEAST_DEVIATION
    pca = PCA(min(_COMPONENTS, len(shares) - 1), random_state=0).fit((shares - middle) / spread)
    variance = pca.explained_variance_
    # What hardly varies, as in a handful of images, is no reason to tell them apart.
    scale = np.where(variance > _LEAST_VARIANCE, 1 / np.sqrt(variance + _LEAST_VARIANCE), 0)
    whitening = pca.components_.T * scale / spread[:, None]
    told = _directions((shares - middle) @ whitening, contrasts)
    columns = np.concatenate([whitening @ told, whitening], axis=1)[:, :UNITS]
    numbers = np.zeros((KINDS * TRIPLES, UNITS))
    numbers[:, : columns.shape[1]] = columns
    # A pixel is looked up once for each kind: together that makes zero in the middle.
    return (KINDS * numbers - middle @ numbers).astype(np.float32)


def _directions(whitened: np.ndarray, contrasts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the direction of each contrast among components, `(components, contrasts)`."""
    from sklearn.linear_model import LogisticRegression

    found = np.zeros((whitened.shape[1], len(contrasts)))
    for column, sides in enumerate(contrasts):
        chosen = sides != 0
        regression = LogisticRegression(C=_STRENGTH, max_iter=1_000, class_weight="balanced")
        direction = regression.fit(whitened[chosen], sides[chosen]).coef_[0]
        found[:, column] = direction / max(np.std(whitened @ direction), _LEAST_DEVIATION)
    return found


def _shares(codes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the share of each triple among those of its kind, `(N, KINDS * TRIPLES)`.

    A triple counts as its mirror image as well.
    """
    size = KINDS * TRIPLES
    of_images = np.stack(codes, axis=1)
    counts = np.stack([np.bincount(image.ravel(), minlength=size) for image in of_images])
    there = counts.reshape(-1, CHANNELS, len(ORDERS), LEVELS, LEVELS, LEVELS)
    back = np.swapaxes(there, -1, -3).copy()
    for place, order in enumerate(ORDERS):
        if order % 2:  # seen the other way round, a step up is one down
            back[:, :, place] = back[:, :, place, ::-1, ::-1, ::-1]
    both_ways = (there + back).reshape(counts.shape)
    return both_ways * KINDS / both_ways.sum(axis=1, keepdims=True)
