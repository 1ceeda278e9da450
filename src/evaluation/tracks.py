"""Persons in the videos of a data set, scored as `deepfake video` scores them."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from src import InputError
from src.data import dataset, folders, footage, pixels, videos
from src.data.sampling import Sampling
from src.data.splits import Sample
from src.detector import calibration, persons
from src.detector.calibration import Calibration
from src.detector.detector import Detector
from src.detector.watching import Frame, frames_of, watch
from src.progress import bar

log = logging.getLogger(__name__)

AS_PICTURES = "as the pictures that stand in the folders"


@dataclass(frozen=True)
class Found:
    """The calibration of persons over time."""

    sampled: str  # how the frames of the videos were chosen
    calibration: Calibration  # by one score a person, see `persons.score`

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain types for the card."""
        return {"sampled": self.sampled, "calibration": self.calibration.to_dict()}


def scan(data_dirs: Sequence[Any], **chosen: Any) -> list[Sample]:
    """List what is in data folders: videos, or images as `folders.scan` does.

    Raises:
        InputError: there are videos in one folder and images in another, or neither; or the
            training took only some of the images.
    """
    held = {videos.hold(folder) for folder in data_dirs}
    if len(held) > 1:
        raise InputError("give folders with videos or folders with frames of videos, not both")
    if held == {True}:
        if any(chosen.get(name) for name in ("limit_per_class", "fraction")):
            raise InputError(
                "the detector learnt from a part of its data, and which videos those frames are "
                "of is not known: give other videos, with --split all"
            )
        return videos.samples(data_dirs, seed=chosen["seed"])
    return folders.scan(data_dirs, **chosen)


def calibrate(
    samples: Sequence[Sample],
    detector: Detector,
    *,
    max_false_fake: float,
    max_false_real: float,
    batch_size: int,
    seed: int,
) -> Found:
    """Calibrate a detector on persons in videos, of which it has learnt nothing.

    Of each video the person counts who fills most of it, and of each group one video a class.

    Args:
        samples: videos, or images of which those count that are frames of one; see `videos.clips`.
        detector: which judges them.
        max_false_fake: share of real persons that may be called fake, in (0, 1).
        max_false_real: share of fakes that may be called real, in (0, 1).
        batch_size: faces at a time.
        seed: of the video that counts in a group.

    Raises:
        InputError: a class without a video that can be judged.
        CheckFailed: more than 5 % of the videos cannot be read.
    """
    found = videos.clips(samples)
    sampling = Sampling()
    counted, logits, failures = [], [], []
    with bar("Judging videos", len(found)) as advance:
        for clip in found:
            try:
                seen = watch(detector, _frames(clip, samples, sampling), batch_size=batch_size)
            except footage.VideoError as error:
                failures.append(str(error))
                seen = []
            if seen:
                counted.append(clip.sample)
                logits.append(persons.score(max(seen, key=_area), detector.head))
            advance()
    dataset.require_readable(failures, len(found))
    labels = np.array([sample.label for sample in counted], int)
    if len(set(labels.tolist())) < 2:
        raise InputError(
            "calibrating persons over time needs real and fake videos, or frames of such, with a "
            f"face: found {np.sum(labels == 0)} real and {np.sum(labels == 1)} fake among "
            f"{len(samples)} files"
        )
    made = calibration.calibrate(
        np.array(logits),
        labels,
        [sample.source for sample in counted],
        [sample.group for sample in counted],
        max_false_fake=max_false_fake,
        max_false_real=max_false_real,
        seed=seed,
    )
    films = all(clip.sample.path.suffix.lower() in videos.EXTENSIONS for clip in found)
    return Found(str(sampling) if films else AS_PICTURES, made)


def _frames(clip: videos.Clip, samples: Sequence[Sample], sampling: Sampling) -> Iterator[Frame]:
    """Read the frames of a clip, out of its video or its images, as far as they can be read."""
    path = clip.sample.path
    if path.suffix.lower() in videos.EXTENSIONS:
        found = footage.survey(path)
        yield from frames_of(path, found, sampling.choose(found))
        return
    for number, member in enumerate(clip.members):
        try:
            yield Frame(float(number), pixels.read(samples[member].path))
        except pixels.ImageError as error:
            log.warning("skipped: %s", error)


def _area(sightings: Sequence[persons.Sighting]) -> float:
    return sum(one.box[2] * one.box[3] for one in sightings)
