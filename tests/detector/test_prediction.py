"""What is said of a view, given what the network says and what is known of its size."""

import json
from dataclasses import replace

import numpy as np
import pytest

from src.detector.calibration import Calibration, Unfamiliar, calibrate
from src.detector.framing import View
from src.detector.prediction import Output, Seen, judge, put_together
from src.detector.verdict import Verdict

LARGE, SMALL = View((0, 0, 60, 50)), View((0, 0, 60, 49))


@pytest.fixture(scope="module")
def calibration():
    """Reals at 0 to 198, fakes at 150 to 188: fake above 197, real below 151, temperature 1."""
    logits = np.concatenate([np.arange(199.0), np.arange(39.0) + 150])
    labels = np.repeat([0, 1], [199, 39])
    found = calibrate(logits, labels, ["set"] * 238, list(map(str, range(238))))
    return replace(found, temperature=1.0, t_fake=197.0, t_real=151.0, smallest_side=50)


def test_a_view_with_too_few_pixels_is_not_judged(calibration):
    assert judge(LARGE, Output(500.0, 1.0), calibration) == Verdict("fake")
    too_small = Verdict("inconclusive", ("face_too_small",))
    assert judge(SMALL, Output(500.0, 1.0), calibration) == too_small
    assert judge(SMALL, Output(500.0, 1.0), None) == Verdict("fake")


def test_no_face_is_the_reason_whatever_the_size(calibration):
    nobody = View((0, 0, 9, 9), reasons=("no_face",))
    assert judge(nobody, Output(0.0, 0.5), calibration).reasons == ("no_face",)


@pytest.mark.parametrize(
    ("logit", "again", "verdict"),
    [
        (300.0, (290.0, 310.0), Verdict("fake")),
        (300.0, (290.0, 190.0), Verdict("inconclusive", ("unstable",))),
        (0.0, (190.0,), Verdict("inconclusive", ("unstable",))),
        (170.0, (171.0,), Verdict("inconclusive", ("between_thresholds",))),
        (170.0, (300.0,), Verdict("inconclusive", ("between_thresholds", "unstable"))),
    ],
)
def test_a_verdict_that_flips_under_mild_re_encoding_is_no_verdict(
    calibration, logit, again, verdict
):
    assert judge(LARGE, Output(logit, 0.5, again), calibration) == verdict


@pytest.mark.parametrize(
    ("distance", "reasons"),
    [(1.9, ()), (2.0, ()), (2.1, ("unfamiliar",)), (np.nan, ("unfamiliar",)), (None, ())],
)
def test_an_unfamiliar_face_is_not_judged(calibration, distance, reasons):
    knows = replace(calibration, unfamiliar=Unfamiliar(2.0, 0.99, 238))
    output = Output(500.0, 1.0, unfamiliarity=distance)
    assert judge(LARGE, output, knows).reasons == reasons
    assert judge(LARGE, output, knows).word == ("inconclusive" if reasons else "fake")
    assert judge(LARGE, output, calibration) == Verdict("fake"), "of old it knows no threshold"
    assert judge(SMALL, output, knows).reasons == ("face_too_small", *reasons)
    nobody = View((0, 0, 60, 50), reasons=("no_face",))
    assert judge(nobody, output, knows).reasons == ("no_face", *reasons)


def test_the_card_keeps_from_where_on_a_face_is_unfamiliar(calibration):
    knows = replace(calibration, unfamiliar=Unfamiliar(2.0, 0.99, 238))
    assert Calibration.from_dict(json.loads(json.dumps(knows.to_dict()))) == knows
    before = {name: value for name, value in calibration.to_dict().items() if name != "unfamiliar"}
    assert Calibration.from_dict(before) == calibration


def test_stability_counts_without_calibration_too():
    assert judge(LARGE, Output(1.0, 0.7, (-1.0,)), None).reasons == ("unstable",)


def test_an_image_has_the_score_of_its_highest_view(calibration):
    # Probabilities saturate where logits still differ.
    outputs = [Output(200.0, 1.0), Output(300.0, 1.0), Output(-5.0, 0.01)]
    seen = Seen((60, 50), [LARGE] * 3, [], "x.jpg", "00")
    said = put_together(seen, outputs, calibration).prediction
    assert (said.logit, said.p_fake, said.faces) == (300.0, 1.0, ())
