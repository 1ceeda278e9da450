"""Which frames of a video are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from src import InputError
from src.data.footage import Survey

WAYS = ("even", "scene")
PER_SECOND = 2.0


@dataclass(frozen=True)
class Sampling:
    """How the frames of a video are chosen."""

    way: str = "even"  # one of `WAYS`
    frames: int | None = None  # how many; None takes as many as `per_second` gives
    per_second: float = PER_SECOND  # frames for each second

    def __str__(self) -> str:
        many = f"{self.frames} in all" if self.frames else f"{self.per_second:g} a second"
        return f"{many}, {self.way}"

    def choose(self, survey: Survey) -> list[int]:
        """Choose frames of a video, see `choose`."""
        count = self.frames or max(1, round(survey.duration * self.per_second))
        return choose(survey, count, self.way)


def choose(survey: Survey, count: int, way: str = "even") -> list[int]:
    """Choose frames of a video.

    Args:
        count: how many; all of them where it has fewer.
        way: `even`: evenly over its time, whatever its frame rate does; `scene`: as many of each
            scene, so that a short one is not passed over. Where there are more scenes than
            frames, the longest scenes get one each.

    Returns:
        The numbers of the frames, rising.
    """
    if way not in WAYS:
        raise InputError(f"sample: expected one of {', '.join(WAYS)}, got {way!r}")
    length = len(survey.times)
    if way == "even":
        return _even(survey, 0, length, count)
    edges = [0, *survey.cuts, length]
    scenes = list(pairwise(edges))
    shares = _shares([stop - start for start, stop in scenes], count)
    return [
        number
        for (start, stop), share in zip(scenes, shares, strict=True)
        for number in _even(survey, start, stop, share)
    ]


def _shares(lengths: Sequence[int], count: int) -> list[int]:
    """Deal frames out to scenes one by one, the longest first, none more than it has."""
    left = min(count, sum(lengths))
    shares = [0] * len(lengths)
    order = sorted(range(len(lengths)), key=lambda scene: -lengths[scene])
    while left:
        for scene in order:
            if left and shares[scene] < lengths[scene]:
                shares[scene] += 1
                left -= 1
    return shares


def _even(survey: Survey, start: int, stop: int, count: int) -> list[int]:
    """Return the frames that are shown in the middle of `count` equal parts of a stretch."""
    if count >= stop - start:
        return list(range(start, stop))
    times = survey.times[start:stop]
    span = times[-1] - times[0] + survey.interval
    middles = times[0] + span * (2 * np.arange(count) + 1) / (2 * count)
    shown = np.searchsorted(times, middles, "right") - 1
    return sorted({start + int(number) for number in shown})


def spread(length: int, count: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """Return which of `length` frames make a clip of `count`: `(count,)` int, not falling.

    One out of each of `count` equal parts, so that all of the video counts; of fewer frames some
    are repeated.

    Args:
        length: how many there are, at least 1.
        rng: chooses within the parts; None takes their middles.
    """
    inside = np.full(count, 0.5) if rng is None else rng.random(count)
    return ((np.arange(count) + inside) * length / count).astype(int)
