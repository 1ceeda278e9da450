"""Images that a detector has judged, beside what they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from src.data import dataset
from src.data.folders import Sample
from src.detector import calibration, verdict
from src.detector.calibration import Calibration, one_of_each_group
from src.detector.detector import Detector
from src.detector.engines import BATCH
from src.detector.prediction import Failure, Prediction
from src.progress import bar


@dataclass(frozen=True)
class Judged:
    """Images and what was said of them."""

    samples: list[Sample]  # those that could be read
    predictions: list[Prediction]  # one a sample
    failures: list[Failure]  # the others
    seed: int = 0  # of the image that counts in a group, and of what is drawn

    @cached_property
    def labels(self) -> np.ndarray:
        """`(N,)` 1 for fake, 0 for real."""
        return np.array([sample.label for sample in self.samples], int)

    @cached_property
    def p_fake(self) -> np.ndarray:
        """`(N,)` probability of *fake*."""
        return np.array([prediction.p_fake for prediction in self.predictions])

    @cached_property
    def logits(self) -> np.ndarray:
        """`(N,)` raw outputs."""
        return np.array([prediction.logit for prediction in self.predictions])

    @property
    def words(self) -> list[str]:
        """`(N,)` verdicts."""
        return [prediction.verdict for prediction in self.predictions]

    @property
    def groups(self) -> list[str]:
        """`(N,)` what belongs together."""
        return [sample.group for sample in self.samples]

    @property
    def paths(self) -> list[str]:
        """`(N,)` as the samples have them."""
        return [str(sample.path) for sample in self.samples]

    @cached_property
    def independent(self) -> np.ndarray:
        """Indices of one image of each class of each group, drawn with the seed."""
        return one_of_each_group(self.labels, self.groups, self.seed)

    def has_both_classes(self) -> bool:
        """Tell whether there are real and fake images."""
        return len(set(self.labels.tolist())) == 2

    def where(self, kept: Sequence[bool] | np.ndarray) -> Self:
        """Return some of the images, by `(N,)` bool."""
        some = np.flatnonzero(kept)
        samples = [self.samples[i] for i in some]
        return type(self)(samples, [self.predictions[i] for i in some], [], self.seed)

    def with_face(self) -> Self:
        """Return the images of which a face was judged, or on purpose the whole."""
        return self.where([verdict.NO_FACE not in said.reasons for said in self.predictions])

    def calibrate(self, max_false_fake: float, max_false_real: float, seed: int) -> Calibration:
        """Find temperature and thresholds on these images; see `calibration.calibrate`."""
        return calibration.calibrate(
            self.logits,
            self.labels,
            [sample.source for sample in self.samples],
            self.groups,
            max_false_fake=max_false_fake,
            max_false_real=max_false_real,
            seed=seed,
        )

    def draw(self, per_class: int) -> np.ndarray:
        """Return the indices of at most so many images of each class, one a group."""
        order = np.random.default_rng(self.seed).permutation(self.independent)
        chosen = [order[self.labels[order] == label][:per_class] for label in (0, 1)]
        return np.sort(np.concatenate(chosen))


def judge(
    detector: Detector,
    samples: Sequence[Sample],
    batch_size: int = BATCH,
    faces: str = "auto",
    *,
    seed: int = 0,
) -> Judged:
    """Judge listed images, with progress.

    Args:
        detector: which judges.
        samples: the images.
        batch_size: images at a time.
        faces: which faces are judged, one of `framing.FACES`.
        seed: of the image that counts in a group, and of what is drawn.

    Raises:
        CheckFailed: more than 5 % of the images cannot be read.
    """
    read, predictions, failures = [], [], []
    with bar("Judging", len(samples)) as advance:
        results = detector.predict_files([s.path for s in samples], batch_size, faces)
        for sample, result in zip(samples, results, strict=True):
            advance()
            if isinstance(result, Failure):
                failures.append(result)
            else:
                read.append(sample)
                predictions.append(result)
    dataset.require_readable([failure.error for failure in failures], len(samples))
    return Judged(read, predictions, failures, seed)
