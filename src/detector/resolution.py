"""How few pixels may a face have? Learnt by bringing calibration images down, step by step."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from src.data import pixels
from src.detector import verdict
from src.detector.calibration import Calibration, Resolution
from src.detector.detector import Detector
from src.intervals import share
from src.processor import threads
from src.progress import bar

# Shares of the network's own side; above it no pixel is lost.
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.125)
# Images of each class that are brought down: of fewer, a broken promise shows late.
IMAGES = 200
_CHUNK = 16


def learn_smallest(
    detector: Detector,
    calibration: Calibration,
    paths: Sequence[Path],
    labels: np.ndarray,
    faces: str,
    seed: int = 0,
) -> Calibration:
    """Find the smallest face that the thresholds may judge.

    Calibration images are brought down to one side after another. A side is too small from where
    more real faces are called fake, or more fakes real, than the promise allows to this
    calibration set (its 95 % bound), and not by chance alone (the lower end of the share's 95 %
    interval).

    Args:
        labels: `(N,)` 1 fake, 0 real, both present.
        seed: of the choice of at most `IMAGES` images a class.

    Returns:
        `calibration` with `smallest_side` and `resolutions`.
    """
    sides = [round(share * detector.card.image_size) for share in SHARES]
    order = np.random.default_rng(seed).permutation(len(paths))
    chosen = np.concatenate([order[labels[order] == label][:IMAGES] for label in (0, 1)])
    with bar("Bringing faces down", len(chosen)) as advance:
        rows, largest = [], 0
        for own, row in _logits(detector, [paths[i] for i in chosen], sides, faces):
            rows.append(row)
            largest = max(largest, own)
            advance()
    resolutions = _rates(np.array(rows), labels[chosen], sides, calibration)
    # Where even the network's own side fails, only images with more pixels are judged.
    smallest = sides[0] + 1
    for resolution in resolutions:
        if not resolution.kept:
            break
        # Where no image has so many pixels, it was with all of its own that the promise was made.
        smallest = min(resolution.side, largest)
    return replace(calibration, smallest_side=smallest, resolutions=tuple(resolutions))


def _rates(
    logits: np.ndarray, labels: np.ndarray, sides: Sequence[int], calibration: Calibration
) -> list[Resolution]:
    """Judge `(N, sides)` logits; images that had fewer pixels from the start (NaN) do not count."""
    promises = calibration.false_fake, calibration.false_real
    found = []
    for side, column in zip(sides, logits.T, strict=True):
        words = np.array([verdict.decide(logit, calibration).word for logit in column])
        there = ~np.isnan(column)
        said = words[there & (labels == 0)] == "fake", words[there & (labels == 1)] == "real"
        wrong = [share(int(one.sum()), len(one)) for one in said]
        kept = all(
            one is None or one.low <= promise.bound
            for one, promise in zip(wrong, promises, strict=True)
        )
        false_fake, false_real = (0.0 if one is None else one.value for one in wrong)
        found.append(Resolution(side, false_fake, false_real, kept))
    return found


def _logits(
    detector: Detector, paths: Sequence[Path], sides: Sequence[int], faces: str
) -> Iterator[tuple[int, list[float]]]:
    """Yield for each image its own side and its logit at each side, NaN where that is larger."""
    framing, size = detector.framing(faces), detector.card.image_size

    def shrunk(path: Path) -> tuple[int, np.ndarray]:
        image = pixels.read(path)
        cut = framing.views(image)[0].cut(image)
        down = [pixels.resize(pixels.resize(cut, side), size) for side in sides]
        return min(cut.shape[:2]), np.stack(down)

    with ThreadPoolExecutor(threads()) as pool:
        for start in range(0, len(paths), _CHUNK):
            native, images = zip(*pool.map(shrunk, paths[start : start + _CHUNK]), strict=True)
            logits = detector.score(np.concatenate(images)).logit.reshape(len(native), len(sides))
            for own, row in zip(native, logits, strict=True):
                there = [side <= own for side in sides]
                yield own, list(map(float, np.where(there, row, np.nan)))
