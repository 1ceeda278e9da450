"""Clips: which images of a data set are frames of one video, in what order."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data.splits import Sample
from src.data.videos import EXTENSIONS

# "000_003_0042", "clip-12" and, as `deepfake faces --videos` names them, "clip_00012_person0".
_FRAME = re.compile(r"(.+)[_-](\d+)(_person\d+)?")
# "0042" or "frame_0042" in a folder that is a video.
_ALONE = re.compile(r"(?:frame[_-]?)?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Clip:
    """One person in one video."""

    # Positions of its frames among the images, in order of time; a video file alone.
    members: tuple[int, ...]
    sample: Sample  # the first of them, which has label, split, source and group of all


def find(samples: Sequence[Sample]) -> list[Clip]:
    """Find the videos, and the images that are frames of one video.

    Frames stand in one folder, are of one class, split and group, and are called alike but for a
    number at the end. Plain numbers are frames where all of a folder is one group.

    Args:
        samples: images, of which those that are no frames are left out, or video files.

    Returns:
        The clips, in the order of their first frames; those of images have two frames or more.
    """
    groups: dict[Path, set[str]] = defaultdict(set)
    for sample in samples:
        groups[sample.path.parent].add(sample.group)
    found: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    films: list[Clip] = []
    for position, sample in enumerate(samples):
        stem, parent = sample.path.stem, sample.path.parent
        if sample.path.suffix.lower() in EXTENSIONS:
            films.append(Clip((position,), sample))
        elif frame := _FRAME.fullmatch(stem):
            key = (frame[1], frame[3] or "")
            found[*_kind(sample), *key].append((int(frame[2]), position))
        elif (number := _ALONE.fullmatch(stem)) and len(groups[parent]) == 1:
            found[*_kind(sample), "", ""].append((int(number[1]), position))
    many = [sorted(frames) for frames in found.values() if len(frames) > 1]
    clips = [Clip(tuple(p for _, p in frames), samples[frames[0][1]]) for frames in many]
    return sorted(films + clips, key=lambda clip: min(clip.members))


def _kind(sample: Sample) -> tuple[str, ...]:
    return str(sample.path.parent), str(sample.label), sample.split, sample.group


def singles(samples: Sequence[Sample]) -> list[Clip]:
    """Make of every image a clip of its own."""
    return [Clip((position,), sample) for position, sample in enumerate(samples)]


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
