"""Xception beside co-occurrences of residuals: a backbone for what neighbouring pixels betray.

What the neighbours of a pixel leave of it tells a camera from a generator. Which triples of such
residuals stand side by side, and how often, a histogram shows at once (SPAM: Pevný, Bas & Fridrich,
IEEE TIFS 5(2), 2010; second-order residuals: Fridrich & Kodovský, IEEE TIFS 7(3), 2012, sec. II),
and convolutions learn late. The mean over all pixels of a number that is looked up by the pixel's
triple is a weighted sum of that histogram. So a table of such numbers stands beside Xception's last
map, as further channels of it, and the evidence map takes in both, exactly.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

NAME = "xception-residuals"
SCALING = (1 / 127.5, -1.0)
XCEPTION_END, MAP, TABLE = "block14_sepconv2_act", "evidence_map", "residuals"
# Residuals are cut to -3..3, and three of them in a row are a triple.
TRUNCATION = 3
LEVELS = 2 * TRUNCATION + 1
TRIPLES = LEVELS**3
CHANNELS = 3
# How many numbers the table holds for each triple.
UNITS = 64
# A difference beyond it is cut to it, so that bfloat16 holds each step exactly.
_LARGEST = 128
# Of a triple's share of the pixels: rarer ones are not blown up to the weight of frequent ones.
_LEAST_DEVIATION = 1e-5
# Of a component, of which the first has one in hundreds.
_LEAST_VARIANCE = 1e-3


def Xception(include_top: bool, weights: str | None, input_tensor: Any) -> "keras.Model":
    """Build the backbone: raw RGB `(N, S, S, 3)` in 0..255 to `(N, h, w, 2048 + UNITS)`.

    The arguments are those of `keras.applications`. The table is zero, see `components`.
    """
    import keras

    scaled = keras.layers.Rescaling(*SCALING, name="scaling")(input_tensor)
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
        CHANNELS * TRIPLES, UNITS, embeddings_initializer="zeros", name=TABLE, dtype="float32"
    )
    pool = keras.layers.AveragePooling2D(window, dtype="float32")
    return keras.layers.Average(dtype="float32")([pool(table(code)) for code in codes])


def _codes(image: Any) -> list[Any]:
    """Number the triple at each pixel: six maps `(N, S - 4, S - 4)` int32.

    Along its row and its column, in green and in the differences of red and blue from it, which
    are whole numbers.
    """
    from keras import ops

    image = ops.round(ops.cast(image, "float32"))
    green = image[..., 1]
    codes = []
    for number, channel in enumerate((green, image[..., 0] - green, image[..., 2] - green)):
        for axis, inner in ((1, channel[:, :, 2:-2]), (2, channel[:, 2:-2])):
            codes.append(_triples(inner, axis) + number * TRIPLES)
    return codes


def _triples(channel: Any, axis: int) -> Any:
    """Number the triples of residuals along an axis, which loses four pixels: in [0, TRIPLES)."""
    from keras import ops

    def part(values: Any, start: int, stop: int | None) -> Any:
        return values[:, start:stop] if axis == 1 else values[:, :, start:stop]

    first = ops.clip(part(channel, 1, None) - part(channel, 0, -1), -_LARGEST, _LARGEST)
    second = ops.clip(part(first, 1, None) - part(first, 0, -1), -TRUNCATION, TRUNCATION)
    level = ops.cast(second, "int32") + TRUNCATION
    return (part(level, 0, -2) * LEVELS + part(level, 1, -1)) * LEVELS + part(level, 2, None)


def table_of(model: "keras.Model") -> Any:
    """Return the layer that holds the table, None where there is none."""
    return next((layer for layer in model.layers if layer.name == TABLE), None)


def is_empty(model: "keras.Model") -> bool:
    """Tell whether there is a table in a network and nothing in it."""
    table = table_of(model)
    return table is not None and not np.any(table.get_weights()[0])


def components(batches: Iterable[np.ndarray]) -> np.ndarray:
    """Return a table: whitened principal components of the histograms of images.

    What it says of an image, on average over its pixels, has mean 0 and deviation 1 over these.

    Args:
        batches: of images, `(n, S, S, 3)` RGB in 0..255, such as are to be told apart; with
            `UNITS` of them or fewer, columns stay zero.

    Returns:
        `(CHANNELS * TRIPLES, UNITS)` float32.
    """
    from keras import ops
    from sklearn.decomposition import PCA

    shares = np.concatenate(
        [_shares([ops.convert_to_numpy(c) for c in _codes(batch)]) for batch in batches]
    )
    middle, spread = shares.mean(axis=0), shares.std(axis=0) + _LEAST_DEVIATION
    found = PCA(min(UNITS, len(shares) - 1), random_state=0).fit((shares - middle) / spread)
    variance = found.explained_variance_
    # What hardly varies, as in a handful of images, is no reason to tell them apart.
    scale = np.where(variance > _LEAST_VARIANCE, 1 / np.sqrt(variance + _LEAST_VARIANCE), 0)
    numbers = np.zeros((CHANNELS * TRIPLES, UNITS))
    numbers[:, : len(scale)] = found.components_.T * scale / spread[:, None]
    # A pixel is looked up once in each channel: together that makes zero in the middle.
    return (CHANNELS * numbers - middle @ numbers).astype(np.float32)


def _shares(codes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the share of each triple among those of its channel, `(N, CHANNELS * TRIPLES)`.

    A triple counts as its mirror image as well.
    """
    size = CHANNELS * TRIPLES
    of_images = np.stack(codes, axis=1)
    counts = np.stack([np.bincount(image.ravel(), minlength=size) for image in of_images])
    there = counts.reshape(-1, CHANNELS, LEVELS, LEVELS, LEVELS)
    both_ways = (there + there.transpose(0, 1, 4, 3, 2)).reshape(counts.shape)
    return both_ways * CHANNELS / both_ways.sum(axis=1, keepdims=True)
