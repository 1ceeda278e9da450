"""Images that were judged, out of thin air: what each is, and its logit."""

from pathlib import Path

import numpy as np

from src.data.folders import Sample
from src.detector import verdict
from src.detector.prediction import Prediction
from src.evaluation.judged import Judged


def judged(labels, logits, *, sources=None, groups=None, words=None, seed=0):
    """Return images of one source, each a group of its own and judged at a logit of 0."""
    count = len(labels)
    sources = ["set"] * count if sources is None else sources
    groups = [f"set/{number}" for number in range(count)] if groups is None else groups
    words = [verdict.decide(logit).word for logit in logits] if words is None else words
    return Judged(
        [
            Sample(Path(f"{number}.png"), int(label), "test", source, group)
            for number, (label, source, group) in enumerate(
                zip(labels, sources, groups, strict=True)
            )
        ],
        [
            Prediction(f"{number}.png", "", word, float(1 / (1 + np.exp(-logit))), float(logit))
            for number, (logit, word) in enumerate(zip(logits, words, strict=True))
        ],
        [],
        seed,
    )
