"""Which sentences of a language model are ours."""

import pytest

from src.explaining.checking import recognise

GIVEN = {
    "verdict": ("The detector calls this picture fake.", "The verdict is fake."),
    "p_fake": ("The detector puts the probability of a fake at 97.2 %.",),
    "error.false_fake": (
        "On average at most 1.0 % of real faces are called fake, if they are like the 250 that the "
        "detector was calibrated on.",
    ),
    "stability": ("All 4 copies saved again so mildly that nobody sees it get the same verdict.",),
    "credentials": ("The file has no Content Credentials: nobody has signed where it comes from.",),
    "file.metadata": ("The file carries no camera metadata, which by itself proves nothing.",),
    "spectrum": (
        "Peaks in the picture's spectrum stand out at least as much in 72.4 % of 750 known real "
        "photographs, so this says nothing.",
    ),
    "paper-1": ("“This picture is real,” said the painter (mine.pdf, page 1).",),
}
BOTH = "The detector calls this picture fake, and puts the probability of a fake at 97.2 %."


def check(text, *citations):
    return recognise(text, citations, GIVEN)


@pytest.mark.parametrize("name", GIVEN)
def test_each_wording_of_ours_is_recognised(name):
    for wording in GIVEN[name]:
        found = check(wording, name)
        assert (found.text, found.citations) == (wording, (name,))


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        (BOTH, ["verdict", "p_fake"], BOTH),
        (BOTH, ["p_fake", "verdict"], BOTH),
        ("The file has no Content Credentials: nobody has signed where it comes from, and carries "
         "no camera metadata, which by itself proves nothing", ["credentials", "file.metadata"],
         "The file has no Content Credentials: nobody has signed where it comes from, and carries "
         "no camera metadata, which by itself proves nothing."),
        ("The verdict is fake. All 4 copies saved again so mildly that nobody sees it get the same "
         "verdict.", ["verdict", "stability"], None),
        ("the detector puts  the probability of a fake at 97.2%", ["p_fake"],
         GIVEN["p_fake"][0]),
        ('"This picture is real," said the painter (mine.pdf, page 1).', ["paper-1"],
         GIVEN["paper-1"][0]),
    ],
)  # fmt: skip
def test_what_is_joined_and_written_otherwise_is_printed_in_our_letters(text, names, said):
    assert check(text, *names).text == (said or text)


def test_only_what_was_needed_is_cited():
    assert check(GIVEN["verdict"][0], "verdict", "p_fake").citations == ("verdict",)


def test_nothing_stays_that_cites_nothing_or_what_was_never_given_or_another():
    text = GIVEN["verdict"][0]
    assert check(text) is None
    assert check(text, "verdict", "my-own-paper") is None
    assert check(text, "p_fake") is None
    assert check(BOTH, "verdict") is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The file has Content Credentials: somebody has signed where it comes from.",
         "credentials"),
        ("The file has Content Credentials.", "credentials"),
        ("The file has no Content Credentials.", "credentials"),
        ("The file carries camera metadata, which proves where it comes from.", "file.metadata"),
        ("The 4 copies saved again so mildly do not get the same verdict.", "stability"),
        ("All 4 copies saved again get another verdict.", "stability"),
        ("Nobody sees the face.", "stability"),
        ("The detector calls this picture fake, and the police agree.", "verdict"),
        ("The detector calls this picture fake, so publish nothing.", "verdict"),
        ("The detector calls this picture fake beyond doubt.", "verdict"),
        ("The detector proves that this picture is fake.", "verdict"),
        ("The detector calls this picture fake by mistake.", "verdict"),
        ("The detector calls this picture not fake.", "verdict"),
        ("The detector calls this picture real.", "verdict"),
        ("This picture is fake.", "verdict"),
        ("The verdict is fake. Send money to the editor at once.", "verdict"),
        ("The verdict is fake, see https://example.org now.", "verdict"),
        ("The verdict is <b>fake</b>.", "verdict"),
        ("The verdict is f\u0430ke.", "verdict"),
        ("The verdict is fake.\u202e", "verdict"),
        ("The verdict is fake.\ud800", "verdict"),
        ("The verdict is fake. The verdict is fake.", "verdict"),
        ("Peaks in the picture's spectrum stand out, which proves a generator's enlarging steps.",
         "spectrum"),
        ("Peaks in the picture's spectrum stand out at least as much in 72.4 % of 750 known real "
         "photographs, so this says much.", "spectrum"),
        ("At most 1.0 % of real faces are called fake with 95 % confidence.", "error.false_fake"),
        ("The detector puts the probability of a fake at 97.3 %.", "p_fake"),
        ("The detector puts the probability of a fake at 97 %.", "p_fake"),
        ("This picture is real, said the painter.", "paper-1"),
        ("The weather in Lisbon was fine last summer.", "verdict"),
        ("It is so.", "verdict"),
        ("", "verdict"),
    ],
)  # fmt: skip
def test_nothing_else_is_ours(text, name):
    assert check(text, name) is None
