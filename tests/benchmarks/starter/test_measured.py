"""How often a reason is given, and what the error rates would be without it."""

from pathlib import Path

import pytest

from benchmarks.starter.measured import fired
from src.data.folders import Sample
from src.detector import calibration, verdict
from src.detector.prediction import Prediction
from src.evaluation.judged import Judged


@pytest.fixture(scope="module")
def known():
    """Return a calibration whose thresholds lie about -1 and 1, at a temperature near 1."""
    logits = [*(n / 50 - 3 for n in range(100)), *(1 + n / 50 for n in range(100))]
    labels = [0] * 100 + [1] * 100
    names = [str(n) for n in range(200)]
    import numpy as np

    return calibration.calibrate(np.array(logits), np.array(labels), ["one"] * 200, names)


def judged(*rows: tuple[int, float, str, tuple[str, ...]]) -> Judged:
    samples = [Sample(Path(str(n)), row[0], "test", "one", str(n)) for n, row in enumerate(rows)]
    said = [
        Prediction(str(n), "", word, 0.5, logit, reasons)
        for n, (_, logit, word, reasons) in enumerate(rows)
    ]
    return Judged(samples, said, [])


def test_a_reason_is_counted_by_class_with_what_it_kept_back(known):
    odd = ("unfamiliar",)
    found = fired(
        "unfamiliar",
        judged(
            (0, 9.0, "inconclusive", odd),
            (0, -9.0, "inconclusive", odd),
            (0, 9.0, "inconclusive", ("no_face", *odd)),
            (0, -9.0, "real", ()),
            (1, -9.0, "inconclusive", odd),
            (1, 9.0, "fake", ()),
        ),
        known,
    )
    assert (found["real"]["hits"], found["real"]["total"]) == (3, 4)
    assert (found["fake"]["hits"], found["fake"]["total"]) == (1, 2)
    # Without it one real face is called fake: the other has one more reason against a verdict.
    assert (found["false_fake"]["hits"], found["false_fake"]["total"]) == (1, 4)
    assert (found["false_real"]["hits"], found["false_real"]["total"]) == (1, 2)


def test_what_the_score_says_is_not_changed_by_ignoring_it(known):
    middle = (known.t_fake + known.t_real) / 2 * known.temperature
    said = verdict.decide(middle, known)
    assert said.reasons == ("between_thresholds",)
    found = fired("between_thresholds", judged((0, middle, said.word, said.reasons)), known)
    assert found["real"]["hits"] == 1
    assert found["false_fake"]["hits"] == 0
    assert found["fake"] is None and found["false_real"] is None
