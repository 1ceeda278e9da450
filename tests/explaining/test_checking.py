"""Which sentences of a language model may stay."""

import pytest

from src.explaining.checking import holds
from src.explaining.writing import Sentence

GIVEN = {
    "verdict": "The detector calls this picture fake.",
    "p_fake": "It puts the probability of a fake at 97.2 %.",
    "thresholds": "It calls a face fake above 91.0 % and real below 16.7 %, and gives no verdict "
    "in between.",
    "error.false_fake": "Of real faces like the 250 of holiday that it was calibrated on, at most "
    "1.0 % are called fake on average, and with 95 % confidence less than 1.9 %.",
    "stability": "All 4 copies saved again so mildly that nobody sees it get the same verdict; the "
    "probability stays between 95.0 % and 98.1 %.",
    "evidence.where": "Of the evidence for fake, 47 % lies in the mouth, which covers 9 % of the "
    "area; another 20 % lies in the eyes.",
    "real-as-sink": "To a detector, real means only that no known trace was found. Networks learn "
    "patterns that make an image fake; the class real becomes a sink for everything else.",
}


def check(text, *citations, given=GIVEN, verdict="fake"):
    return holds(Sentence(text, citations), given, verdict)


@pytest.mark.parametrize("name", GIVEN)
def test_what_was_given_may_be_said(name):
    assert check(GIVEN[name], name)


@pytest.mark.parametrize(
    ("text", "citations"),
    [
        ("The deepfake detector calls the photo fake.", ["verdict"]),
        ("The detector judged this picture to be fake, at 97.2 % probability.",
         ["verdict", "p_fake"]),
        ("The probability of a fake is put at 97.2 percent.", ["p_fake"]),
        ("In the mouth lies 47 % of the evidence for fake, though it covers just 9 % of the area.",
         ["evidence.where"]),
        ("Saved again mildly, all 4 copies get the same verdict.", ["stability"]),
        ("At most 1.0 % of real faces are called fake on average.", ["error.false_fake"]),


    ],
)  # fmt: skip
def test_other_words_for_the_same_may_stay(text, citations):
    assert check(text, *citations)


def test_nothing_stays_that_cites_nothing_or_what_was_never_given():
    assert not check(GIVEN["verdict"])
    assert not check(GIVEN["verdict"], "verdict", "my-own-paper")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("It puts the probability of a fake at 97.3 %.", "p_fake"),
        ("It puts the probability of a fake at 97 %.", "p_fake"),
        ("It puts the probability of a fake at 97.2.", "p_fake"),
        ("It puts the probability of a fake at ninety-seven percent.", "p_fake"),
        ("It puts the probability of a fake at 97.2 % ½.", "p_fake"),
        ("Three copies saved again get the same verdict.", "stability"),
        ("None of the 4 copies saved again get the same verdict.", "stability"),
        ("Nearly all 4 copies saved again get the same verdict.", "stability"),
        ("Of the evidence for fake, half lies in the mouth.", "evidence.where"),
        ("Of the evidence for fake, 20 % lies in the mouth; another 47 % lies in the eyes.",
         "evidence.where"),
        ("It calls a face fake above 16.7 % and real below 91.0 %.", "thresholds"),
        ("Of the evidence for fake, 47 % lies in the eyes.", "evidence.where"),
        ("The mouth covers 20 % of the area.", "evidence.where"),
        ("At most 250 real faces are called fake on average.", "error.false_fake"),
        ("At most one in hundred real faces are called fake on average.", "error.false_fake"),
    ],
)  # fmt: skip
def test_numbers_must_be_those_that_were_measured(text, name):
    assert not check(text, name)


def test_numbers_belong_to_what_they_were_measured_of():
    both = ("p_fake", "thresholds")
    assert not check("It puts the probability of a fake above 91.0 %.", *both)
    assert check(
        "The probability of a fake is 97.2 %, and faces above 91.0 % are called fake.", *both
    )
    both = ("p_fake", "error.false_fake")
    assert not check("At most 97.2 % of real faces are called fake.", *both)


@pytest.mark.parametrize(
    "text",
    [
        "The detector calls this picture fake by mistake.",
        "The detector wrongly calls this picture fake.",
        "The detector calls this picture real.",
        "The detector calls this picture authentic.",
        "The detector calls this picture phoney.",
        "The detector calls this picture not fake.",
        "The detector doesn't call this picture fake.",
        "The detector calls this picture a non-fake.",
        "The detector calls this picture inconclusive.",
        "This picture: fake says the detector, real is this picture.",
    ],
)
@pytest.mark.parametrize("more", [[], ["error.false_fake", "thresholds", "real-as-sink"]])
def test_the_picture_is_called_nothing_but_the_verdict(text, more):
    verdict = "real" if "phoney" in text else "fake"
    given = GIVEN | {"verdict": f"The detector calls this picture {verdict}."}
    assert not check(text, "verdict", *more, given=given, verdict=verdict)


def test_half_a_sentence_does_not_turn_the_verdict():
    for text in ("It calls a face fake.", "The detector calls a face fake.", "A face, fake."):
        assert not check(text, "thresholds", verdict="real")
    assert check(GIVEN["thresholds"], "thresholds", verdict="real")
    for text in (
        "The probability of a fake is put at 97.2 %.",
        "It puts the probability that this picture is fake at 97.2 %.",
    ):
        assert check(text, "p_fake", verdict="real")
    assert not check("The probability of a fake is high.", "p_fake", verdict="real")
    assert not check("It puts the probability of real at 97.2 %.", "p_fake", verdict="real")
    assert not check("Of the evidence for real, 47 % lies in the mouth.", "evidence.where")


def test_a_paper_of_a_stranger_judges_no_picture():
    given = GIVEN | {"paper-1": "This picture is real, said the painter."}
    assert not check("This picture is real, said the painter.", "paper-1", given=given)
    assert check("This picture, said the painter.", "paper-1", given=given)


@pytest.mark.parametrize(
    "text",
    [
        "The weather in Lisbon was fine last summer.",
        "The detector calls this picture fake. Send money to the editor at once.",
        "The detector calls this picture fake, see https://example.org now.",
        "The detector calls this <b>picture</b> fake.",
        "The detector calls this [picture](fake).",
        "The detector calls this picture f\u0430ke or fake.",
        "The detector calls this picture fake.\u202e",
        "The detector calls this picture fake.\ud800",
        "The detector calls this picture fake. " * 20,
        "It is so.",
        "",
    ],
)
def test_nothing_else_slips_in(text):
    assert not check(text, "verdict")
