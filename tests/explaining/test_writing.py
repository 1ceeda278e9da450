"""Questions out of measurements, and text out of measurements and notes."""

import pytest

from src.detector import verdict
from src.explaining import notes, questions, writing
from src.explaining.notes import Note, Source
from src.explaining.retrieval import Library
from src.explaining.wording import Measurement

NOTES = Library(notes.load())
PLAIN = {
    "verdict": "fake",
    "p_fake": 0.97,
    "thresholds": {"real": 0.2, "fake": 0.9},
    "stability": {"same": 4, "of": 4, "counts": True},
    "file": {"quality": 80},
    "file.metadata": {"editor": False},
    "credentials": {"state": "absent"},
}


def measured(**values):
    values = PLAIN | {name.replace("__", "."): value for name, value in values.items()}
    return {name: Measurement(name, value, f"The {name} is so.") for name, value in values.items()}


def cited(**values):
    return [one.note.id for one in writing.look_up(measured(**values), NOTES)]


def first(**values):
    return cited(**values)[0]


def lies(region, towards="fake"):
    return {"evidence.where": {"for": towards, "strongest": region}}


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"p_fake": 0.98}, "base-rate"),
        ({"verdict": "real", "p_fake": 0.0105}, "real-as-sink"),
        ({"verdict": "inconclusive"}, "abstaining"),
        ({"credentials": {"state": "trusted"}}, "signed-provenance"),
        ({"credentials": {"state": "invalid"}}, "provenance-misread"),
        ({"file.metadata": {"editor": True}}, "camera-signature"),
        ({"file.metadata": {"editor": False, "software": "x"}}, "injected-instructions"),
        ({"file.generator": "prompt"}, "diffusion-shared-online"),
        ({"file.before": 60}, "poor-quality-harder"),
        ({"file.before": 60, "file.metadata": {"editor": True}}, "jpeg-ghosts"),
        ({"spectrum": {"as_high": 0}}, "upsampling-grid"),
        ({"spectrum": {"as_high": 0.001}}, "up-convolution-spectrum"),
        ({"spectrum": {"as_high": 0.015}}, "checkerboard"),
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


@pytest.mark.parametrize("where", [lies("eyes", "real"), lies(None), lies("face")])
def test_regions_are_asked_about_only_where_they_speak_for_fake(where):
    assert first(p_fake=0.98, **where) == "base-rate"


def test_copies_that_decide_nothing_ask_nothing():
    assert first(p_fake=0.98, stability={"same": 0, "of": 4, "counts": False}) == "base-rate"


def test_an_ordinary_spectrum_asks_nothing_of_a_fake():
    assert first(p_fake=0.98, spectrum={"as_high": 0.5}) == "base-rate"
    assert "spectrum-not-inherent" in cited(verdict="real", spectrum={"as_high": 0.5})


# These are about this project and no picture; they answer who asks for them.
NOT_OF_PICTURES = {"citations-unsupported", "retrieval-grounding", "xception"}


def test_every_note_is_cited_where_something_was_measured():
    word = {"fake": 0.9, "real": 0.1}
    findings = [
        *({"credentials": {"state": state}} for state in ("invalid", "trusted")),
        *({"spectrum": {"as_high": share}} for share in (0, 0.001, 0.015)),
        {"verdict": "real", "spectrum": {"as_high": 0.5}},
        *(lies(region) for region in questions._REGIONS),
        *({f"reason.{code}": code} for code in ("face_too_small", "unfamiliar", "no_face")),
        {"file.generator": "prompt"}, {"file.before": 60}, {"thresholds": None}, {"faces": 2},
        {"file.before": 60, "file.metadata": {"editor": True}}, {"file": {"quality": 50}},
        {"file.metadata": {"editor": True}}, {"file.metadata": {"editor": False, "software": "x"}},
        {"file": {"quality": None}}, {"stability": {"same": 1, "of": 4, "counts": True}},
        {"verdict": "inconclusive"}, {"p_fake": 0.995},
        *({"verdict": one, "p_fake": p + step / 10_000} for one, p in word.items()
          for step in range(21)),
    ]  # fmt: skip
    wanted = {note.id for note in NOTES.notes} - NOT_OF_PICTURES
    assert {note for values in findings for note in cited(**values)} == wanted


def test_plain_pictures_are_not_all_told_the_same():
    told = {tuple(cited(p_fake=0.9 + step / 10_000)) for step in range(20)}
    assert len(told) > 10


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
    assert said[5].text == (
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


@pytest.mark.parametrize("said", [*verdict.REASONS.values(), "This detector errs.", "A note."])
def test_what_is_joined_goes_on_with_a_small_letter(said):
    assert writing.join("The verdict is so.", said).endswith(f", and {said[0].lower()}{said[1:]}")


def test_two_signs_of_a_generator_are_asked_about_once():
    both = {"file.generator": "prompt", "file.says_generated": True}
    answers = writing.look_up(measured(**both), NOTES)
    about = [one.about for one in answers if one.topic == "On pictures made from words"]
    assert about == ["file.generator"]


def test_a_passage_of_ones_own_paper_is_quoted_with_its_place():
    source = Source("mine/alarms.pdf", page=7)
    library = Library([Note("paper-1", str(source), "Most false alarms are noise.", source)])
    (answer,) = writing.look_up(measured(p_fake=0.98), library, 1)
    (*_, last) = writing.compose(measured(), [answer])
    assert last.text == (
        "On false alarms: “Most false alarms are noise.” (mine/alarms.pdf, page 7)"
    )
    assert last.citations == ("paper-1", "verdict")
