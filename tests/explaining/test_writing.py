"""Questions out of measurements, and text out of measurements and notes."""

import pytest

from src.explaining import notes, writing
from src.explaining.notes import Note, Source
from src.explaining.retrieval import Library
from src.explaining.wording import Measurement

NOTES = Library(notes.load())
PLAIN = {
    "verdict": "fake",
    "p_fake": 0.97,
    "thresholds": {"real": 0.2, "fake": 0.9},
    "stability": {"same": 4, "of": 4, "counts": True},
    "file.metadata": {"editor": False},
    "credentials": {"state": "absent"},
}


def measured(**values):
    values = PLAIN | {name.replace("__", "."): value for name, value in values.items()}
    return {name: Measurement(name, value, f"The {name} is so.") for name, value in values.items()}


def first(**values):
    return writing.look_up(measured(**values), NOTES, 1)[0].note.id


def lies(region, towards="fake"):
    return {"evidence.where": {"for": towards, "strongest": region}}


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({}, "base-rate"),
        ({"verdict": "real"}, "tiny-perturbations"),
        ({"verdict": "inconclusive"}, "abstaining"),
        ({"credentials": {"state": "trusted"}}, "signed-provenance"),
        ({"credentials": {"state": "invalid"}}, "provenance-misread"),
        ({"file.metadata": {"editor": True}}, "camera-signature"),
        ({"file.generator": "prompt"}, "camera-signature"),
        ({"file.before": 60}, "jpeg-ghosts"),
        ({"spectrum": {"as_high": 0.001}}, "upsampling-grid"),
        ({"reason.face_too_small": "face_too_small"}, "small-faces"),
        ({"reason.unfamiliar": "unfamiliar"}, "calibration-under-shift"),
        ({"reason.no_face": "no_face"}, "noise-hides-face"),
        ({"stability": {"same": 3, "of": 4, "counts": True}}, "unseen-changes"),
        ({"faces": 3}, "several-at-once"),
        (lies("eyes"), "pupil-shape"),
        (lies("mouth"), "patches-betray"),
        (lies("cheeks and jaw"), "blending-boundary"),
        (lies("hair and background"), "shortcut-learning"),
    ],
)
def test_each_finding_asks_for_the_note_on_it(values, note):
    assert first(**values) == note


@pytest.mark.parametrize("where", [lies("eyes", "real"), lies("face"), lies(None)])
def test_regions_are_asked_about_only_where_they_speak_for_fake(where):
    assert first(**where) == "base-rate"


def test_an_ordinary_spectrum_asks_nothing():
    assert first(spectrum={"as_high": 0.5}) == "base-rate"


def test_a_detector_without_calibration_gets_the_note_on_that():
    ids = {one.note.id for one in writing.look_up(measured(thresholds=None), NOTES)}
    assert "temperature-scaling" in ids and "guarantee-needs-alike" not in ids


def test_no_note_is_cited_twice_and_no_more_than_asked_for():
    many = measured(
        spectrum={"as_high": 0.0}, faces=3, file__before=50,
        stability={"same": 0, "of": 4, "counts": True}, **lies("forehead"),
    )  # fmt: skip
    found = writing.look_up(many, NOTES)
    assert len({one.note.id for one in found}) == len(found) == writing.NOTES


def test_the_text_says_what_matters_then_what_the_notes_say_and_why():
    values = measured(faces=3, reason__unstable="unstable", spectrum={"as_high": 0.5})
    answers = writing.look_up(values, NOTES)
    said = writing.compose(values, answers)
    assert said[0].text == "The verdict is so, and the p_fake is so."
    assert [one.citations for one in said] == [
        ("verdict", "p_fake"), ("faces",), ("reason.unstable",), ("stability",), ("credentials",),
        *((one.note.id, one.about) for one in answers),
    ]  # fmt: skip
    assert len(answers) == writing.NOTES
    assert said[-2].text == (
        "On judging several at once: Several tests at once need a rule for all of them "
        "(Bates et al., 2021)."
    )


@pytest.mark.parametrize(
    ("values", "told", "untold"),
    [
        ({}, "credentials", "file.metadata"),
        ({"file.before": 60}, "file.before", "credentials"),
        ({"credentials": {"state": "invalid"}}, "credentials", "file.metadata"),
        ({"spectrum": {"as_high": 0.0}}, "spectrum", "credentials"),
        ({"file.metadata": {"editor": True, "software": "x"}}, "file.metadata", "credentials"),
        ({"error.false_fake": {}, "error.false_real": {}}, "error.false_fake", "error.false_real"),
        ({"verdict": "real", "error.false_fake": {}, "error.false_real": {}}, "error.false_real",
         "error.false_fake"),
    ],
)  # fmt: skip
def test_what_is_out_of_the_ordinary_is_told(values, told, untold):
    leading = list(writing.leading(measured(**values)))
    assert told in leading and untold not in leading


def test_two_sentences_become_one_with_their_subject_said_once():
    assert (
        writing.join("The file is large.", "The file is old.") == "The file is large, and is old."
    )
    assert writing.join("The file is large.", "Xception saw it.") == (
        "The file is large, and Xception saw it."
    )


def test_a_passage_of_ones_own_paper_is_quoted_with_its_place():
    source = Source("mine/alarms.pdf", page=7)
    library = Library([Note("paper-1", str(source), "Most false alarms are noise.", source)])
    (answer,) = writing.look_up(measured(), library, 2)
    (*_, last) = writing.compose(measured(), [answer])
    assert last.text == (
        "On false alarms: “Most false alarms are noise.” (mine/alarms.pdf, page 7)"
    )
    assert last.citations == ("paper-1", "verdict")
