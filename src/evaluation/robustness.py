"""How the verdicts fare where pictures are changed on their way, and under attack."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from src.data.corruptions import CORRUPTIONS
from src.detector import verdict
from src.detector.calibration import Calibration
from src.detector.detector import Detector
from src.detector.prediction import Prediction
from src.evaluation import attack
from src.evaluation.judged import Judged
from src.intervals import Estimate, auc_over_groups
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

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain types for JSON."""
        return asdict(self)


def corrupted(
    judged: Judged, detector: Detector, faces: str, batch_size: int, seed: int
) -> list[Row]:
    """Judge `IMAGES` a class anew after each of `corruptions.CORRUPTIONS`, finding faces again."""
    chosen = judged.draw(IMAGES, seed)
    labels, paths = judged.labels[chosen], [judged.paths[i] for i in chosen]
    groups = [judged.groups[i] for i in chosen]

    def row(name: str, said: list[Prediction]) -> Row:
        logits, words = np.array([one.logit for one in said]), [one.verdict for one in said]
        return _row(name, labels, logits, words, groups, detector.calibration, seed)

    rows = [row(UNCHANGED, [judged.predictions[i] for i in chosen])]
    with bar("Changing images", len(CORRUPTIONS) * len(paths)) as advance:
        for name, change in CORRUPTIONS.items():
            again = judged_again(detector, paths, faces, batch_size, change, advance)
            rows.append(row(name, list(again)))
    return rows


def judged_again(
    detector: Detector,
    paths: Sequence[str],
    faces: str,
    batch_size: int,
    change: Callable[[np.ndarray], np.ndarray],
    advance: Callable[[], None],
) -> Iterator[Prediction]:
    """Judge images that were read before, each after a change; see `Detector.predict_files`."""
    for result in detector.predict_files(paths, batch_size, faces, change=change):
        assert isinstance(result, Prediction), "it was read before"
        advance()
        yield result


def attacked(
    detector: Detector, images: np.ndarray, labels: np.ndarray, groups: list[str], seed: int
) -> list[Row]:
    """Judge images after white-box attacks on the network's own input, by the score alone.

    Args:
        images: `(N, S, S, 3)` uint8 as the network gets them, of both classes.
        labels: `(N,)` 1 for fake, 0 for real.
    """
    changed = {UNCHANGED: images} | attack.attacks(detector.model, images, labels, seed)
    calibration = detector.calibration
    rows = []
    for name, pictures in changed.items():
        logits = detector.logits(pictures)
        words = [verdict.decide(logit, calibration).word for logit in logits.tolist()]
        rows.append(_row(name, labels, logits, words, groups, calibration, seed))
    return rows


def _row(
    name: str,
    labels: np.ndarray,
    logits: np.ndarray,
    words: Sequence[str],
    groups: Sequence[str],
    calibration: Calibration | None,
    seed: int,
) -> Row:
    said = verdicts.count(labels, words)
    return Row(
        name=name,
        images=len(labels),
        auc=auc_over_groups(labels, logits, groups, seed=seed),
        accuracy=float(np.mean((logits >= 0) == (labels == 1))),
        verdicts=said,
        broken=_broken(said, calibration),
    )


def _broken(said: Verdicts, found: Calibration | None) -> tuple[str, ...]:
    if found is None:
        return ()
    rates = {
        "false_fake": (said.false_fake, found.false_fake.rate),
        "false_real": (said.false_real, found.false_real.rate),
    }
    return tuple(name for name, (rate, most) in rates.items() if rate and rate.low > most)
