"""Where the detector is wrong: by size, brightness, blur, face and source; and which images."""

from dataclasses import dataclass

import numpy as np

from src.auditing import container, content
from src.auditing.facts import Facts
from src.evaluation.judged import Judged
from src.intervals import Share, share
from src.report.verdicts import CLASSES

# Bins of a quantity, of equally many images each.
BINS = 4
# With fewer images in each, a bin says nothing.
MIN_IN_BIN = 5


@dataclass(frozen=True)
class Part:
    """The images that have something in common, and how many of them are answered wrongly."""

    by: str  # what they are sorted by, such as "brightness"
    name: str
    wrong: Share  # answers at p_fake = 0.5 that are wrong, one image of each class of a group


def parts(judged: Judged, facts: Facts) -> list[Part]:
    """Sort images by size, brightness, blur, size of the face and source, and count mistakes.

    Args:
        judged: images, of which one of each class of a group counts.
        facts: of the same files, in the same order.
    """
    apart = np.isin(np.arange(len(judged.labels)), judged.independent)
    judged, facts = judged.where(apart), facts.where(apart)
    wrong = is_wrong(judged)
    width, height = container.CUES["width"][0], container.CUES["height"][0]
    faces = [p.faces[0].box[2] if p.faces else np.nan for p in judged.predictions]
    quantities = {
        "shorter side in pixels": np.minimum(facts.container[:, width], facts.container[:, height]),
        "brightness": facts.content[:, content.STATISTICS.index("brightness")],
        "sharpness": facts.content[:, content.STATISTICS.index("blur")],
        "width of the face in pixels": np.array(faces),
    }
    found = [part for by, values in quantities.items() for part in _bins(by, values, wrong)]
    sources = np.array([f"{CLASSES[s.label]}: {s.source}" for s in judged.samples])
    return found + [
        _part("source", name, wrong[sources == name]) for name in np.unique(sources).tolist()
    ]


def is_wrong(judged: Judged) -> np.ndarray:
    """Tell which answers at p_fake = 0.5 are wrong, `(N,)` bool."""
    return (judged.p_fake >= 0.5) != (judged.labels == 1)


def _bins(by: str, values: np.ndarray, wrong: np.ndarray) -> list[Part]:
    """Sort images into bins of about equally many, ties together; none where all are alike."""
    known = np.isfinite(values)
    values, wrong = values[known], wrong[known]
    if len(values) < BINS * MIN_IN_BIN:
        return []
    # Half of those that tie with an image lie before it, so that even two values make two bins.
    in_order = np.sort(values)
    rank = (np.searchsorted(in_order, values) + np.searchsorted(in_order, values, "right")) / 2
    place = (rank * BINS / len(values)).astype(int)
    bins = [place == number for number in np.unique(place)]
    if len(bins) < 2:
        return []
    return [_part(by, _span(values[inside]), wrong[inside]) for inside in bins]


def _span(values: np.ndarray) -> str:
    low, high = f"{values.min():.4g}", f"{values.max():.4g}"
    return low if low == high else f"{low} to {high}"


def _part(by: str, name: str, wrong: np.ndarray) -> Part:
    counted = share(int(wrong.sum()), len(wrong))
    assert counted is not None, "no part is empty"
    return Part(by, name, counted)


def worth_a_look(judged: Judged, number: int) -> dict[str, list[int]]:
    """Choose images for a person to look at, each kind with at most so many.

    Returns:
        Indices by what they are: the surest mistakes, right answers of which the detector is sure,
        and answers nearest to p_fake = 0.5.
    """
    wrong, sure = is_wrong(judged), np.argsort(-np.abs(judged.logits), kind="stable")
    return {
        "the surest mistakes": sure[wrong[sure]][:number].tolist(),
        "the surest right answers": sure[~wrong[sure]][:number].tolist(),
        "the least sure answers": sure[::-1][:number].tolist(),
    }


@dataclass(frozen=True)
class Features:
    """A sample of the images as points in the plane."""

    points: np.ndarray  # `(N, 2)`, see `project`
    labels: np.ndarray  # `(N,)` 1 for fake, 0 for real
    wrong: np.ndarray  # `(N,)` bool: answered wrongly at p_fake = 0.5


def project(features: np.ndarray) -> np.ndarray:
    """Bring features to the two directions in which they vary most (principal components).

    Args:
        features: `(N, C)`.

    Returns:
        `(N, 2)` float64; the second column is zero where there is one direction only.
    """
    centred = features - features.mean(axis=0, dtype=np.float64)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    points = (left * lengths)[:, :2]
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
