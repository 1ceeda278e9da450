"""How far an export is from Keras in float32, on the same images."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from src.detector import verdict
from src.detector.calibration import Calibration, probability
from src.detector.engines import BATCH, Engine
from src.detector.exports import LIMITS
from src.intervals import auc

# What is limited, for people.
_SAID = {
    "largest": "largest difference of p_fake",
    "mean": "mean difference of p_fake",
    "tail": "99th percentile of the difference of p_fake",
    "auc_loss": "loss of AUC",
    "clips": "that of clips",
    "unfamiliarity": "largest relative difference of the unfamiliarity",
    "unfamiliarity_tail": "99th percentile of the relative difference of the unfamiliarity",
}


@dataclass(frozen=True)
class Agreement:
    """How far an export is from Keras in float32, on the same images."""

    images: int  # how many
    largest: float  # difference of `p_fake`
    tail: float  # its 99th percentile
    mean: float  # its mean
    verdicts: int  # how many verdicts changed
    flips: int  # how many of them from real to fake or back, where there is something between
    # How many of them where `p_fake` was further from a threshold than the accepted difference.
    far: int
    evidence: float  # correlation of the evidence maps
    sum: float  # largest difference of evidence and bias, added up, from the logit
    auc_loss: float | None = None  # how much smaller the AUC is; None without labels
    # Largest relative difference of the distance to the training faces, see `relative`;
    # None where the bundle has no measure of it.
    unfamiliarity: float | None = None
    unfamiliarity_tail: float | None = None  # its 99th percentile
    # How many images are unfamiliar in one and not in the other, although they are further from the
    # threshold than the accepted difference.
    unfamiliar: int = 0
    # Largest difference of `p_fake` of clips of the same images, by the temporal head in Keras;
    # None where the bundle has none.
    clips: float | None = None

    def fault(self, precision: str) -> str | None:
        """Say what is over the limits of a precision, or None."""
        found = _over(vars(self), precision)
        if self.unfamiliar:
            found.append(f"{self.unfamiliar} images became familiar, or no longer are")
        if self.far:
            found.append(f"{self.far} verdicts changed away from the thresholds")
        if self.flips:
            found.append(f"{self.flips} verdicts changed between real and fake")
        return "; ".join(found) or None


@dataclass(frozen=True)
class ClipAgreement:
    """How far an exported temporal head is from Keras, on the same features."""

    clips: int  # how many
    largest: float  # difference of `p_fake`
    mean: float  # its mean

    def fault(self, precision: str) -> str | None:
        """Say what is over the limits of a precision, or None."""
        return "; ".join(_over({"largest": self.largest}, precision)) or None


def _over(measured: dict[str, Any], precision: str) -> list[str]:
    return [
        f"{_SAID[name]} is {value:.4g}, at most {limit:g} is accepted"
        for name, limit in LIMITS[precision].items()
        # What is no number is over any limit.
        if (value := measured.get(name)) is not None and not value <= limit
    ]


def score(engine: Engine, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the outputs of an engine for `(N, S, S, 3)` uint8 images, by name; N is any number."""
    parts = [engine.run(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def compare(
    wanted: dict[str, np.ndarray],
    got: dict[str, np.ndarray],
    labels: np.ndarray,
    calibration: Calibration | None,
    precision: str,
) -> Agreement:
    """Compare the outputs of an export with those of Keras in float32.

    Args:
        wanted: of Keras and `got` of the export, as `Engine.run` returns them for N images.
        labels: `(N,)` 1 fake, 0 real; -1 where it is not known.
        calibration: thresholds and temperature; None where the detector has none.
        precision: of the export; decides what is near a threshold.
    """
    temperature = calibration.temperature if calibration else 1.0
    limits = {0.0} if calibration is None else {calibration.t_fake, calibration.t_real}
    p_wanted, p_got = (probability(one["logit"], temperature) for one in (wanted, got))
    apart = np.abs(p_wanted - p_got)
    before, after = (
        np.array([verdict.decide(logit, calibration).word for logit in one["logit"].tolist()])
        for one in (wanted, got)
    )
    changed = before != after
    flipped = changed & (before != "inconclusive") & (after != "inconclusive")
    near = LIMITS[precision].get("largest") or LIMITS[precision]["tail"]
    distance = np.min([np.abs(p_wanted - probability(np.array(limit))) for limit in limits], axis=0)
    total = got["evidence"].sum((1, 2)) + got["bias"]
    known = labels >= 0
    loss = None
    if len(set(labels[known].tolist())) == 2:
        loss = auc(labels[known], wanted["logit"][known]) - auc(labels[known], got["logit"][known])
    return Agreement(
        images=len(apart),
        largest=float(apart.max()),
        tail=float(np.quantile(apart, 0.99)),
        mean=float(apart.mean()),
        verdicts=int(changed.sum()),
        flips=int(flipped.sum()) if len(limits) == 2 else 0,
        far=int(np.sum(changed & (distance > near))),
        evidence=float(np.corrcoef(wanted["evidence"].ravel(), got["evidence"].ravel())[0, 1]),
        sum=float(np.abs(total - got["logit"]).max()),
        auc_loss=loss,
        **_unfamiliarity(wanted, got, calibration, precision),
    )


def _unfamiliarity(
    wanted: dict[str, np.ndarray],
    got: dict[str, np.ndarray],
    calibration: Calibration | None,
    precision: str,
) -> dict[str, Any]:
    if "unfamiliarity" not in wanted:
        return {}
    before, after = wanted["unfamiliarity"], got["unfamiliarity"]
    apart = relative(before, after)
    changed = 0
    if calibration is not None and calibration.unfamiliar is not None:
        threshold = calibration.unfamiliar.threshold
        strange, now = (
            np.array([calibration.is_unfamiliar(value) for value in values])
            for values in (before, after)
        )
        limits = LIMITS[precision]
        near = limits.get("unfamiliarity") or limits["unfamiliarity_tail"]
        far = np.abs(before - threshold) > near * threshold
        changed = int(np.sum((strange != now) & far))
    return {
        "unfamiliarity": float(apart.max()),
        "unfamiliarity_tail": float(np.quantile(apart, 0.99)),
        "unfamiliar": changed,
    }


def relative(wanted: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Return how far distances are apart, as shares of them.

    Args:
        wanted: `(N,)`; smaller ones than their median count as that, because a training face has
            none to itself.
    """
    return np.abs(got - wanted) / np.maximum(wanted, np.median(wanted))
