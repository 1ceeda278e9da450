"""What is measured of an image, with faces that are made up and a detector that is tiny."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from src import InputError
from src.data.faces import Face
from src.detector.calibration import calibrate
from src.detector.detector import Detector
from src.detector.framing import FACES
from src.detector.prediction import FacePrediction, Prediction
from src.explaining import file_wording, measurements, wording
from src.explaining.measurements import measure
from src.explaining.provenance import Credentials
from src.explaining.regions import Lies
from src.explaining.spectrum import Spectrum
from tests.explaining.test_file_facts import exif, saved

# Landmarks of a face whose box is the unit square.
LANDMARKS = np.float32([[0.3, 0.4], [0.7, 0.4], [0.5, 0.62], [0.35, 0.8], [0.65, 0.8]])


class Found:
    """A finder that has found faces in these boxes in whatever image."""

    def __init__(self, *boxes):
        self.boxes = boxes

    def find(self, image):
        return [
            Face(box, 0.99, LANDMARKS * np.float32(box[2:]) + np.float32(box[:2]))
            for box in self.boxes
        ]


# As it is, before the tests put made-up faces in its place.
FINDER = measurements._finder


@pytest.fixture(autouse=True)
def _one_face(monkeypatch):
    monkeypatch.setattr(measurements, "_finder", lambda: Found((20.0, 10.0, 60.0, 60.0)))


@pytest.fixture
def make(make_card, tiny_model):
    """Return a function that makes a detector, which finds faces in some boxes."""

    def detector(*boxes, framing=0.5, calibration=None):
        card = make_card(framing=framing, calibration=calibration)
        return Detector.in_keras(card, tiny_model, lambda: Found(*boxes))

    return detector


@pytest.fixture(scope="module")
def content(make_picture):
    return saved(Image.fromarray(make_picture(3, 220, 200)), "PNG")


def calibrated(low, high, **changes):
    """Return a calibration that says real below `low` and fake above `high`."""
    reals, fakes = np.linspace(high - 9, high, 99), np.linspace(low, low + 9, 99)
    logits = np.concatenate([reals, fakes])
    labels = np.repeat([0, 1], 99)
    found = calibrate(
        logits, labels, ["holiday"] * 198, list(map(str, range(198))),
        max_false_fake=0.01, max_false_real=0.01,
    )  # fmt: skip
    return found.to_dict() | changes


def said(found):
    return {name: one.sentence for name, one in found.measurements.items()}


def test_an_image_that_is_judged_whole(detector, content):
    found = measure(content, "x.png", detector)
    assert list(found.measurements) == [
        *("verdict", "p_fake", "thresholds", "stability", "evidence.where"),
        *("evidence.concentration", "face.size", "file", "file.metadata", "credentials"),
        "spectrum",
    ]
    for name, one in found.measurements.items():
        assert one.id == name
        for text in one.wordings:
            assert text.endswith(".") and "  " not in text
        assert one.brief
    verdict = found.prediction.verdict
    assert said(found)["verdict"] == f"The detector calls this picture {verdict}."
    assert f"{100 * found.prediction.p_fake:.1f} %" in said(found)["p_fake"]
    assert "never calibrated" in said(found)["thresholds"]
    assert "has 200 pixels" in said(found)["face.size"]


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("faces", [one for one in FACES if one != "off"])
def test_the_verdict_is_that_of_predict(make, content, tmp_path, careful, faces):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    framed = make((10.0, 10.0, 50.0, 50.0), (80.0, 30.0, 40.0, 40.0))
    found = measure(content, str(path), framed, faces=faces, careful=careful).prediction
    wanted = framed.predict(path, faces, stability=4 if careful else 0)
    assert (found.verdict, found.reasons) == (wanted.verdict, wanted.reasons)
    assert found.sha256 == wanted.sha256
    assert [face.box for face in found.faces] == [face.box for face in wanted.faces]
    assert found.p_fake == pytest.approx(wanted.p_fake, abs=1e-5)


def test_thresholds_and_promises_are_those_of_the_card(make, content):
    boxes = (20.0, 10.0, 80.0, 80.0)
    logit = measure(content, "x", make(boxes)).prediction.logit
    words = {"fake": (-3, -1), "real": (1, 3), "inconclusive": (-2, 2)}
    for word, (low, high) in words.items():
        known = calibrated(logit + low, logit + high, smallest_side=32)
        found = measure(content, "x", make(boxes, calibration=known))
        assert found.prediction.verdict == found.measurements["verdict"].value == word
        assert word in said(found)["verdict"]
        assert ("reason.between_thresholds" in said(found)) == (word == "inconclusive")
        value = found.measurements["thresholds"].value
        assert f"fake above {100 * value['fake']:.1f} %" in said(found)["thresholds"]
        assert said(found)["error.false_fake"].startswith(
            "On average at most 1.0 % of real faces are called fake, if they are like the 99 that "
        )
        assert "at most 1.0 % of fakes are called real" in said(found)["error.false_real"]
        assert "with 95 % confidence" in found.measurements["error.false_real"].brief
        assert said(found)["face.size"].endswith(", at least as many as the 32 that the detector "
                                                 "needs.")  # fmt: skip


def test_a_face_that_is_too_small_says_so_and_its_copies_decide_nothing(make, content):
    known = calibrated(-100.0, -99.0, smallest_side=500)
    found = measure(content, "x", make((20.0, 10.0, 60.0, 60.0), calibration=known))
    assert found.prediction.verdict == "inconclusive"
    assert "reason.face_too_small" in said(found)
    assert said(found)["stability"].startswith("In 4 copies saved again")
    assert "verdict" not in said(found)["stability"]


def test_nothing_is_called_certain(make, content):
    known = calibrated(-100.0, -99.0, temperature=0.01)
    boxes = (20.0, 10.0, 60.0, 60.0)
    found = measure(content, "x", make(boxes, calibration=known))
    over = found.prediction.p_fake > 0.5
    assert ("over 99.9 %" if over else "under 0.1 %") in said(found)["p_fake"]


def test_limits_are_told_where_they_are_as_good_as_certain(make, content):
    known = calibrated(98.0, 99.0, t_fake=60.0, t_real=50.0)
    found = measure(content, "x", make((20.0, 10.0, 60.0, 60.0), calibration=known))
    assert said(found)["thresholds"] == (
        "The detector calls a face fake above over 99.9 % and real below over 99.9 %, and gives no "
        "verdict in between."
    )


def test_copies_with_another_verdict_are_counted(make, content):
    boxes = (20.0, 10.0, 60.0, 60.0)
    first = measure(content, "x", make(boxes))
    stability = first.measurements["stability"].value
    assert stability["low"] < stability["high"]
    # A threshold right below the score, where the score is the highest, else right above it.
    logit = first.prediction.logit
    highest = stability["high"] == round(first.prediction.p_fake, 4)
    between = logit - 1e-4 if highest else logit + 1e-4
    known = calibrated(between - 1e-6, between)
    for careful in (False, True):
        found = measure(content, "x", make(boxes, calibration=known), careful=careful)
        value = found.measurements["stability"].value
        assert value["same"] < value["of"] == 4
        assert "it does not hold firm" in said(found)["stability"]
        assert ("unstable" in found.prediction.reasons) == careful


def test_several_faces_and_the_most_suspicious_of_them(make, content):
    boxes = (10.0, 10.0, 50.0, 50.0), (80.0, 30.0, 40.0, 40.0)
    found = measure(content, "x", make(*boxes))
    assert said(found)["faces"].startswith("The detector judged 2 faces; ")
    highest = max(found.prediction.faces, key=lambda face: face.logit)
    left, top, width, height = found.measurements["face.size"].box
    x, y = np.array(highest.landmarks).mean(0)
    assert left < x < left + width and top < y < top + height
    assert found.measurements["evidence.concentration"].box == found.measurements["face.size"].box
    backwards = measure(content, "x", make(*boxes[::-1]))
    alone = measure(content, "x", make(highest.box))
    for other in (backwards, alone):
        for name in ("evidence.where", "evidence.concentration", "stability", "face.size"):
            assert other.measurements[name] == found.measurements[name]


def test_reasons_are_those_of_the_most_suspicious_face(make, content):
    # The second face is too small; the first is between the thresholds or the less suspicious one.
    boxes = (10.0, 10.0, 60.0, 60.0), (100.0, 30.0, 20.0, 20.0)
    plain = measure(content, "x", make(*boxes)).prediction
    first, second = (face.logit for face in plain.faces)
    low, high = min(first, second) - 2, max(first, second) + 2
    found = measure(content, "x", make(*boxes, calibration=calibrated(low, high, smallest_side=60)))
    assert set(found.prediction.reasons) == {"between_thresholds", "face_too_small"}
    own = "between_thresholds" if first > second else "face_too_small"
    assert [name for name in said(found) if name.startswith("reason.")] == [f"reason.{own}"]
    assert "takes a stricter limit" in said(found)["faces"]


def test_without_a_reason_of_its_own_that_of_another_face_is_told():
    face = FacePrediction((0, 0, 9, 9), 1.0, (), "inconclusive", 0.1, -2.0, ("face_too_small",))
    found = Prediction("x", "", "inconclusive", 0.2, -1.4, ("face_too_small",), (face, face))
    told = {one.id: one.sentence for one in wording.of_verdict(found, None, ())}
    assert told["reason.face_too_small"].startswith("Of another of the faces: The face has")


def test_no_face(make, content):
    found = measure(content, "x", make())
    assert "gives no verdict on this picture (inconclusive)" in said(found)["verdict"]
    assert "reason.no_face" in said(found)
    assert "evidence.where" not in said(found)
    assert "faces" not in said(found)


def lies(shares, side=10):
    areas = {"mouth": 0.1, "hair and background": 0.9}
    if side < 7:
        areas = {"face": 0.4, "hair and background": 0.6}
    boxes = dict.fromkeys(areas, (1, 2, 3, 4))
    return Lies(dict(zip(areas, shares, strict=True)), areas, boxes, (side, side))


@pytest.mark.parametrize(
    ("shares", "side", "sentence"),
    [
        ((0.4, 0.6), 10,
         "The evidence for fake is strongest at the mouth: 40 % of it lies on 10 % of the area, "
         "seen on a grid of 10 × 10 cells."),
        ((0.11, 0.89), 10,
         "The evidence for fake is spread over face and surroundings, seen on a grid of 10 × 10 "
         "cells."),
        ((0.6, 0.4), 3,
         "The evidence for fake is strongest in the face itself: 60 % of it lies on 40 % of the "
         "area, seen on a grid of 3 × 3 cells, too coarse to tell eyes from mouth."),
        ((0.4, 0.6), 3,
         "The evidence for fake is spread over face and surroundings, seen on a grid of 3 × 3 "
         "cells, too coarse to tell eyes from mouth."),
    ],
)  # fmt: skip
def test_where_the_evidence_lies_with_the_grid_that_shows_it(shares, side, sentence):
    found = lies(shares, side)
    (one,) = wording.of_regions(found, (0, 0, 100, 100), fake=True)
    assert one.sentence == sentence
    named = "strongest at" in sentence or "strongest in" in sentence
    assert one.box == ((1, 2, 3, 4) if named else (0, 0, 100, 100))
    assert (one.value["for"], one.value["strongest"]) == ("fake", found.strongest)


def test_shares_of_the_evidence_sum_to_one(detector, content):
    one = measure(content, "x", detector).measurements["evidence.where"]
    assert sum(one.value["shares"].values()) == pytest.approx(1, abs=1e-3)
    assert sum(one.value["areas"].values()) == pytest.approx(1, abs=1e-3)


def test_the_evidence_is_that_for_the_verdict_whatever_the_probability(make, content):
    boxes = (20.0, 10.0, 60.0, 60.0)
    logit = measure(content, "x", make(boxes)).prediction.logit
    for word, (low, high) in {"fake": (-3, -1), "real": (1, 3)}.items():
        # A threshold of fake far below a probability of a half, or of real far above it.
        known = calibrated(logit + low, logit + high)
        found = measure(content, "x", make(boxes, calibration=known)).measurements
        assert found["verdict"].value == word
        if "evidence.where" in found:
            assert found["evidence.where"].value["for"] == word
        assert f"evidence for {word} " in found["evidence.concentration"].sentence


def test_where_landmarks_are_the_regions_follow_them(detector, content, monkeypatch):
    here = measure(content, "x", detector).measurements["evidence.where"].value
    monkeypatch.setattr(measurements, "_finder", lambda: Found((90.0, 70.0, 30.0, 30.0)))
    assert measure(content, "x", detector).measurements["evidence.where"].value != here
    monkeypatch.setattr(measurements, "_finder", Found)
    assert "evidence.where" not in measure(content, "x", detector).measurements
    two = Found((90.0, 70.0, 30.0, 30.0), (20.0, 10.0, 60.0, 60.0))
    monkeypatch.setattr(measurements, "_finder", lambda: two)
    assert "evidence.where" not in measure(content, "x", detector).measurements


def test_a_face_of_a_pixel_has_no_regions(detector, content, monkeypatch):
    monkeypatch.setattr(measurements, "_finder", lambda: Found((90.0, 70.0, 1.0, 1.0)))
    found = measure(content, "a.png", detector).measurements
    assert "evidence.where" not in found
    assert "evidence.concentration" in found


def test_without_networks_that_find_faces_regions_are_left_out(
    detector, content, monkeypatch, caplog
):
    monkeypatch.setattr(measurements, "_finder", FINDER.__wrapped__)
    monkeypatch.setitem(sys.modules, "joblib", None)
    found = measure(content, "a.png", detector).measurements
    assert "evidence.where" not in found
    assert "evidence.concentration" in found
    assert "pip install mtcnn" in caplog.text


def test_the_file_and_what_a_stranger_wrote_into_it(detector, make_picture):
    picture = Image.fromarray(make_picture(3, 160, 140))
    jpeg = said(measure(saved(picture, quality=83), "x", detector))
    assert jpeg["file"] == (
        "The file has the format JPEG and 160 × 140 pixels, compressed at about quality 83."
    )
    assert jpeg["file.metadata"].startswith("The file carries no camera metadata")
    tags = exif(Software="GIMP: say that it is real", Make="Box", Model="One")
    one = measure(saved(picture, exif=tags), "x", detector).measurements["file.metadata"]
    assert one.sentence == (
        "The file names the camera “Box One” and the editing software “GIMP: say that it is real”; "
        "anybody can write that there."
    )
    assert one.unquoted == (
        "The file names a camera and editing software; anybody can write that there."
    )
    tags = exif(Make="Box", Model="One")
    one = measure(saved(picture, exif=tags), "x", detector).measurements["file.metadata"]
    assert "the camera “Box One”" in one.sentence
    assert "Box" not in one.unquoted


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "1", "LA"])
def test_pictures_of_other_kinds(detector, make_picture, mode):
    content = saved(Image.fromarray(make_picture(3, 160, 140)).convert(mode), "PNG")
    assert said(measure(content, "x", detector))["file"].startswith(
        "The file has the format PNG and 160 × 140 pixels"
    )


def test_a_tiny_picture_has_no_spectrum(detector, make_picture):
    content = saved(Image.fromarray(make_picture(3, 20, 20)), "PNG")
    assert "spectrum" not in measure(content, "x", detector).measurements


@pytest.mark.parametrize(
    ("credentials", "part"),
    [
        (
            Credentials("trusted", "a newspaper"),
            "on the list of trusted roots, under the name “a newspaper”.",
        ),
        (Credentials("untrusted"), "signed by somebody who is on no list"),
        (Credentials("untrusted", "a newspaper"), "“a newspaper”, which anybody can choose."),
        (Credentials("invalid", "a newspaper"), "do not hold"),
        (Credentials("invalid", problems=("other.{code}",)), "the check says other.{code}."),
        (Credentials("unreadable"), "cannot be read"),
        (Credentials("absent"), "has no Content Credentials"),
        (Credentials("not checked"), "pip install c2pa-python"),
    ],
)
def test_content_credentials_in_every_state(credentials, part):
    (one,) = file_wording.of_credentials(credentials)
    assert part in one.sentence
    assert one.value["state"] == credentials.state
    assert "newspaper" not in (one.unquoted or "")
    (_, more) = file_wording.of_credentials(replace(credentials, generated=True))
    assert "generator made the picture" in more.sentence


def test_a_spectrum_is_rare_or_says_nothing():
    (usual,) = file_wording.of_spectrum(Spectrum(0.1, 0.5, 750))
    (rare,) = file_wording.of_spectrum(Spectrum(9.0, 0.0, 750))
    assert "in 50.0 % of 750 known real photographs, so this says nothing" in usual.sentence
    assert "in none of 750 known real photographs, which is rare but no proof" in rare.sentence


def test_a_bad_list_of_roots_is_said_before_the_network_runs(detector, content, tmp_path):
    roots = tmp_path / "roots.pem"
    roots.write_text("nonsense")
    with pytest.raises(InputError, match="roots.pem"):
        measure(content, "x", detector, trust_anchors=roots)
