"""From logits to words: one face, and many in one image."""

import numpy as np
import pytest

from src.detector import verdict
from src.detector.calibration import calibrate
from src.detector.verdict import Verdict, combine, decide


@pytest.fixture(scope="module")
def calibration():
    """Reals at 0 to 198, fakes at 150 to 188: fake above 197, real below 151, temperature 1."""
    logits = np.concatenate([np.arange(199.0), np.arange(39.0) + 150])
    labels = np.repeat([0, 1], [199, 39])
    return calibrate(logits, labels, ["set"] * 238, list(map(str, range(238))))


def judge(logits, calibration):
    return combine([decide(x, calibration) for x in logits], logits, calibration)


def test_without_calibration_half_decides():
    assert decide(0.0) == Verdict("fake")
    assert decide(-1e-9) == Verdict("real")


@pytest.mark.parametrize(
    ("logit", "word"),
    [(197.5, "fake"), (197.0, "inconclusive"), (151.0, "inconclusive"), (150.9, "real")],
)
def test_thresholds_themselves_are_inconclusive(calibration, logit, word):
    found = decide(logit, calibration)
    assert found.word == word
    assert found.reasons == (("between_thresholds",) if word == "inconclusive" else ())


def test_a_reason_makes_any_score_inconclusive(calibration):
    for logit in (-500.0, 500.0):
        assert decide(logit, calibration, ["no_face"]) == Verdict("inconclusive", ("no_face",))


def test_an_image_is_real_only_if_every_face_is(calibration):
    assert judge([0.0, 10.0], calibration) == Verdict("real")
    assert judge([0.0, 160.0], calibration) == Verdict("inconclusive", ("between_thresholds",))


def test_a_fake_face_must_stand_out_among_all(calibration):
    assert judge([500.0, 0.0], calibration) == Verdict("fake")
    # Unusual enough for one face, and not for one of two.
    assert judge([197.5], calibration) == Verdict("fake")
    assert judge([197.5, 0.0], calibration) == Verdict("inconclusive", ("among_many_faces",))


def test_more_faces_than_the_promise_can_bear(calibration):
    found = judge([500.0, 0.0, 0.0], calibration)
    assert found == Verdict("inconclusive", ("too_many_faces",))
    assert judge([0.0] * 30, calibration) == Verdict("real")


def test_without_calibration_one_fake_face_is_enough():
    assert judge([3.0, -3.0], None) == Verdict("fake")
    assert judge([-3.0, -3.0], None) == Verdict("real")


def test_every_reason_has_a_sentence(calibration):
    codes = {value for name, value in vars(verdict).items() if name.isupper() and name != "REASONS"}
    assert codes == set(verdict.REASONS)
    assert all(sentence.endswith(".") for sentence in verdict.REASONS.values())


@pytest.mark.parametrize(
    ("p_fake", "text"),
    [(0, "<0.001"), (0.0004, "<0.001"), (0.0005, "0.001"), (0.5, "0.500"), (0.9994, "0.999"),
     (0.9995, ">0.999"), (1, ">0.999")],
)  # fmt: skip
def test_nobody_is_told_that_something_is_certain(p_fake, text):
    assert verdict.shown(p_fake) == text
