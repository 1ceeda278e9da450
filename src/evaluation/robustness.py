"""How the verdicts fare where pictures are changed on their way, and under attack."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from src import InputError
from src.data.corruptions import CORRUPTIONS
from src.detector import verdict
from src.detector.calibration import Calibration
from src.detector.detector import Detector
from src.detector.prediction import Failure, Prediction
from src.evaluation import attack, promise
from src.evaluation.judged import Judged
from src.intervals import Estimate, Share, auc_over_groups
from src.progress import bar
from src.report import verdicts
from src.report.verdicts import Verdicts

UNCHANGED = "unchanged"
# Images of each class that are changed; an error rate of 1 % needs hundreds.
IMAGES = 500


@dataclass(frozen=True)
class Row:
    """A detector on images that something has happened to."""

    name: str  # of the change; `UNCHANGED` for the images as they are
    images: int
    auc: Estimate
    accuracy: float  # share of right answers at p_fake = 0.5
    verdicts: Verdicts
    # Which promises (`false_fake`, `false_real`) do not hold: the interval of the realised rate
    # lies above them.
    broken: tuple[str, ...]


def corrupted(judged: Judged, detector: Detector, faces: str, batch_size: int) -> list[Row]:
    """Judge `IMAGES` a class anew after each of `corruptions.CORRUPTIONS`, finding faces again.

    Args:
        judged: the images as they are, of both classes.
        detector: which judged them.
        faces: which faces are judged, one of `framing.FACES`.
        batch_size: images at a time.
    """
    chosen = judged.draw(IMAGES)
    samples, paths = ([of[i] for i in chosen] for of in (judged.samples, judged.paths))

    def row(name: str, said: list[Prediction]) -> Row:
        now = Judged(samples, said, [], judged.seed)
        counted = verdicts.count(now.labels, now.words)
        broken = _broken(promise.realised(now), detector.calibration)
        return _row(name, now.labels, now.logits, now.groups, counted, broken, judged.seed)

    rows = [row(UNCHANGED, [judged.predictions[i] for i in chosen])]
    with bar("Changing images", len(CORRUPTIONS) * len(paths)) as advance:
        for name, change in CORRUPTIONS.items():
            again = judged_again(detector, paths, faces, batch_size, advance, change=change)
            rows.append(row(name, list(again)))
    return rows


def judged_again(
    detector: Detector,
    paths: Sequence[str],
    faces: str,
    batch_size: int,
    advance: Callable[[], None],
    **how: Any,
) -> Iterator[Prediction]:
    """Judge images that were read before in another way: for `how` see `Detector.predict_files`.

    Raises:
        InputError: one of them cannot be read any more.
    """
    for result in detector.predict_files(paths, batch_size, faces, **how):
        if isinstance(result, Failure):
            raise InputError(f"{result.error}; it could be read before: leave the images in place")
        advance()
        yield result


def attacked(
    detector: Detector, images: np.ndarray, labels: np.ndarray, groups: list[str], seed: int
) -> list[Row]:
    """Judge images after white-box attacks on the network's own input, by the score alone.

    Args:
        images: `(N, S, S, 3)` uint8 as the network gets them, of both classes.
        labels: `(N,)` 1 for fake, 0 for real.
        groups: `(N,)` what belongs together.
        seed: of the attacks and the bootstrap.
    """
    changed = {UNCHANGED: images} | attack.attacks(detector.model, images, labels, seed)
    calibration = detector.calibration
    rows = []
    for name, pictures in changed.items():
        logits = detector.logits(pictures)
        words = [verdict.decide(logit, calibration).word for logit in logits.tolist()]
        said = verdicts.count(labels, words)
        broken = _broken((said.false_fake, said.false_real), calibration)
        rows.append(_row(name, labels, logits, groups, said, broken, seed))
    return rows


def _row(
    name: str,
    labels: np.ndarray,
    logits: np.ndarray,
    groups: Sequence[str],
    said: Verdicts,
    broken: tuple[str, ...],
    seed: int,
) -> Row:
    return Row(
        name=name,
        images=len(labels),
        auc=auc_over_groups(labels, logits, groups, seed=seed),
        accuracy=float(np.mean((logits >= 0) == (labels == 1))),
        verdicts=said,
        broken=broken,
    )


def _broken(rates: tuple[Share | None, Share | None], found: Calibration | None) -> tuple[str, ...]:
    kept = promise.kept(found, rates)
    return tuple(name for name, one in kept.items() if one and one.broken)
