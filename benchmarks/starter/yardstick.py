"""A yardstick without a network: co-occurrences of residuals, and logistic regression.

What neighbouring pixels leave of each other tells a camera from a generator. The features follow
SPAM (Pevný, Bas & Fridrich, IEEE TIFS 5(2), 2010): how often each triple of neighbouring residuals
occurs, truncated to -3..3. The residuals are second-order differences (Fridrich & Kodovský, IEEE
TIFS 7(3), 2012, sec. II), along rows and columns, in brightness and both colour channels: 3 times
343 features. A network that does not pass this clearly has not learnt yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from src import processor
from src.data import folders, pixels
from src.data.folders import Sample
from src.intervals import Estimate, auc_over_groups
from src.progress import bar

TRUNCATION = 3
LEVELS = 2 * TRUNCATION + 1
FEATURES = 3 * LEVELS**3
# Training images of a source.
IMAGES = 1_500
# Inverse strengths of regularisation; cross-validation in the training images chooses.
STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2)
FOLDS = 3


@dataclass(frozen=True)
class Yardstick:
    """What the yardstick reaches on one source, fitted on training images of the same source.

    Attributes:
        source: whose images.
        images: how many it was fitted on.
        validation: area under the ROC curve on the validation split, where the network's choices
            were made too.
        test: the same on the test split.
    """

    source: str
    images: int
    validation: Estimate
    test: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain types for JSON."""
        return asdict(self)


def features(image: np.ndarray) -> np.ndarray:
    """Return how often each triple of neighbouring residuals occurs.

    Args:
        image: `(H, W, 3)` uint8 RGB in [0, 255], at least 5 pixels wide and high.

    Returns:
        `(FEATURES,)` float64: the square roots of shares that sum to 1 in each of the channels Y,
        Cr and Cb. A picture, its mirror image and the picture turned have the same features.
    """
    import cv2

    channels = np.moveaxis(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), -1, 0).astype(np.int16)
    return np.sqrt(np.concatenate([_shares(channel) for channel in channels]))


def _shares(channel: np.ndarray) -> np.ndarray:
    counts = _triples(channel) + _triples(channel.T)
    both_ways = counts + counts.transpose(2, 1, 0)
    return both_ways.ravel() / both_ways.sum()


def _triples(channel: np.ndarray) -> np.ndarray:
    """Count the triples along the rows, `(LEVELS, LEVELS, LEVELS)`."""
    residual = np.diff(channel, n=2, axis=1)
    level = np.clip(residual, -TRUNCATION, TRUNCATION).astype(int) + TRUNCATION
    code = (level[:, :-2] * LEVELS + level[:, 1:-1]) * LEVELS + level[:, 2:]
    return np.bincount(code.ravel(), minlength=LEVELS**3).reshape(LEVELS, LEVELS, LEVELS)


def measure(folder: Path, *, images: int = IMAGES, seed: int = 0) -> Yardstick:
    """Fit the yardstick on a source's training images and measure it on the other splits.

    Args:
        folder: the source, with both classes in each of its three splits.
        images: how many training images are used, drawn with the seed.
        seed: of the choice, the folds and the bootstrap.

    Raises:
        InputError: no usable layout, or a split without a class.
        ImageError: an image cannot be read.
    """
    samples = folders.scan([folder], seed=seed)
    folders.require_both_classes(samples, folders.SPLITS)
    train, validation, test = (_of(samples, split) for split in folders.SPLITS)
    order = np.random.default_rng(seed).permutation(len(train))[:images]
    train = [train[i] for i in order]
    model = _fit(_matrix(train), _labels(train), seed)

    def reached(some: list[Sample]) -> Estimate:
        scores = model.decision_function(_matrix(some))
        return auc_over_groups(_labels(some), scores, [s.group for s in some], seed=seed)

    return Yardstick(folder.name, len(train), reached(validation), reached(test))


def _of(samples: Sequence[Sample], split: str) -> list[Sample]:
    return [sample for sample in samples if sample.split == split]


def _labels(samples: Sequence[Sample]) -> np.ndarray:
    return np.array([sample.label for sample in samples], int)


def _matrix(samples: Sequence[Sample]) -> np.ndarray:
    """Return the features of files, `(N, FEATURES)`, computed on every core that may be used."""

    def row(sample: Sample) -> np.ndarray:
        found = features(pixels.read(sample.path))
        advance()
        return found

    with (
        bar("Counting residuals", len(samples)) as advance,
        ThreadPoolExecutor(processor.threads()) as pool,
    ):
        return np.stack(list(pool.map(row, samples)))


def _fit(matrix: np.ndarray, labels: np.ndarray, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    grid = {"logisticregression__C": STRENGTHS}
    return GridSearchCV(model, grid, scoring="roc_auc", cv=folds).fit(matrix, labels)
