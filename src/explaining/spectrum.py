"""Peaks in the spectrum where upsampling leaves them.

Generators enlarge small maps to a picture, and a picture that was enlarged in steps repeats itself
at even distances: peaks at the highest frequency and at half of it (Zhang, Karaman & Chang 2019,
arXiv 1907.06515; Durall, Keuper & Keuper 2020, arXiv 2003.01826). Resizing and compression make
such peaks as well, and many generators leave none, so a score means something only beside those of
known real photographs.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

TILE = 128  # pixels
# Of the middle part that is looked at, in pixels. A mean over more tiles varies less, so pictures
# of different sizes could not be compared.
SIDE = 192
_STARTS = (0, (SIDE - TILE) // 2, SIDE - TILE)
# How many bins around a peak make its surroundings, without the peak and its next neighbours.
AROUND = 5
# As shares of the sampling frequency, vertical and horizontal.
_PEAKS = ((1 / 2, 1 / 2), (1 / 2, 0), (0, 1 / 2), (1 / 4, 1 / 4), (1 / 4, 1 / 2), (1 / 2, 1 / 4),
          (1 / 4, 3 / 4))  # fmt: skip
# A score is unusual that a smaller share of known real photographs reach.
UNUSUAL = 0.02
# Scores of real photographs, by `python -m benchmarks.spectrum`.
REALS = Path(__file__).with_name("spectrum_of_reals.json")


@dataclass(frozen=True)
class Spectrum:
    """How a picture's spectrum stands out where upsampling leaves peaks."""

    # Mean over these frequencies of the logarithm of the power over that around it; about 0 where
    # nothing stands out.
    score: float
    as_high: float  # share of known real photographs that score as high or higher, in [0, 1]
    reals: int  # how many known real photographs that is said of


def measure(image: np.ndarray) -> Spectrum | None:
    """Score a picture, and hold it against known real photographs.

    Args:
        image: `(H, W, 3)` uint8 RGB, not scaled since it came from its file.

    Returns:
        None where a side has less than `SIDE` pixels.
    """
    value = score(image)
    if value is None:
        return None
    reals = known_reals()
    return Spectrum(value, float(np.mean(reals >= value)), len(reals))


@cache
def known_reals() -> np.ndarray:
    """Return the scores of known real photographs, `(N,)`."""
    return np.array(json.loads(REALS.read_text(encoding="utf-8"))["scores"])


def score(image: np.ndarray) -> float | None:
    """Return the score alone, see `Spectrum`."""
    import cv2

    if min(image.shape[:2]) < SIDE:
        return None
    top, left = ((side - SIDE) // 2 for side in image.shape[:2])
    grey = cv2.cvtColor(image[top : top + SIDE, left : left + SIDE], cv2.COLOR_RGB2GRAY)
    power = _power(grey.astype(np.float32) - cv2.medianBlur(grey, 3))
    return float(np.mean([_excess(power, *peak) for peak in _PEAKS]))


def _power(residual: np.ndarray) -> np.ndarray:
    """Return the mean power spectrum of overlapping tiles, each brought to one variance."""
    window = np.outer(np.hanning(TILE), np.hanning(TILE)).astype(np.float32)
    tiles = [residual[top : top + TILE, left : left + TILE] for top in _STARTS for left in _STARTS]
    powers = [np.abs(np.fft.fft2(window * (t - t.mean()) / (t.std() + 1e-3))) ** 2 for t in tiles]
    return np.mean(powers, 0)


def _excess(power: np.ndarray, vertical: float, horizontal: float) -> float:
    """Return the logarithm of the power at a frequency over the median around it."""
    steps = np.arange(-AROUND, AROUND + 1)
    rows, columns = (round(share * TILE) + steps for share in (vertical, horizontal))
    patch = power[np.ix_(rows % TILE, columns % TILE)]
    beside = np.maximum(np.abs(steps)[:, None], np.abs(steps)) > 1
    tiny = np.finfo(np.float32).tiny
    return float(np.log((patch[AROUND, AROUND] + tiny) / (np.median(patch[beside]) + tiny)))
