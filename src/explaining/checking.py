"""Does a sentence say only what it cites?

Words of a language model are not believed. The test is strict where it cannot tell: what is lost is
a sentence, and the measurements say the same in their own.
"""

import re
from collections.abc import Mapping
from itertools import pairwise

from src.explaining import papers
from src.explaining.retrieval import tokens
from src.explaining.writing import Sentence

LONGEST = 600  # letters
# More than this share of the words of each part of a sentence must stand in what it cites.
OWN_WORDS = 0.5
_PARTS = re.compile(r"(?<=[.!?;])\s+")
_CLAUSES = re.compile(r"[;:!?()]|,(?!\d)|\.(?!\d)|\band\b|\bbut\b|\bwhile\b")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:\s*(?:%|per ?cent\b))?", re.IGNORECASE)
# "one" counts only where it counts something.
_NUMBER_WORDS = re.compile(
    r"\b(?:zero|none|all|most|nearly|almost|two|three|four|five|six|seven|eight|nine|ten|eleven|"
    r"twelve|\w+teen|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:-\w+)?|hundred|"
    r"thousand|million|half|third|quarter|double|twice|dozen|majority|minority|"
    r"one(?=[ -](?:in|of|out|per|percent|hundred|copy|face|%)\b))s?\b",
    re.IGNORECASE,
)
# What calls a picture one thing or another.
_CLAIMS = {
    "fake": r"(?:deep)?faked?|manipulated|forged|forgery|synthetic|generated|artificial|altered|"
    r"tampered|doctored|edited|photoshopped|bogus|counterfeit|unreal|fraudulent|fabricated|hoax|"
    r"phone?y|sham|inauthentic",
    "real": r"real|authentic|genuine|unaltered|untouched|unmanipulated|unedited|original|true|"
    r"legit(?:imate)?|trustworthy|human|natural",
    "inconclusive": r"inconclusive|undecided|uncertain|unclear|unsure",
    "wrong": r"wrong(?:ly)?|mistaken?(?:ly)?|incorrect(?:ly)?|false(?:ly)?|erroneous(?:ly)?|"
    r"supposed(?:ly)?|alleged(?:ly)?",
}
_NOT = {"not", "no", "non", "never", "hardly", "neither", "nor", "without", "cannot", "far"}
# Where such a word is but the name of something.
_NAMES = re.compile(
    r"\bdeepfake (?=detect)|\bforgery (?=method|detect)|"
    r"\bthe probability (?:of a|that (?:the|this) (?:picture|image|photo|face) is(?: a)?) fake "
    r"(?=(?:\w+ ){0,3}\d)",
    re.IGNORECASE,
)
_LIKELY = {"probability", "chance", "likelihood", "likely", "odds"}
_SINGULAR = {"is", "was", "as", "this", "has", "does"}
_WORD = re.compile(r"[\w']+")
# Neither addresses nor mark-up belongs into a sentence.
_MARKUP = re.compile(r"://|www\.|[<>{}`|\\]|\]\(", re.IGNORECASE)
_TYPOGRAPHY = set("–—‘’“”…é")


def holds(sentence: Sentence, given: Mapping[str, str], verdict: str) -> bool:
    """Tell whether a sentence may stay.

    It must cite ids that were given. Its numbers must stand in what it cites, in that order and
    with their percent signs; so must most of its words, and nothing in it may call the picture
    anything but the verdict, unless a measurement or note of ours says so in the same words.

    Args:
        given: what it was given to say, by id.
        verdict: `fake`, `real` or `inconclusive`.
    """
    text = sentence.text
    if not sentence.citations or any(name not in given for name in sentence.citations):
        return False
    cited = [given[name] for name in dict.fromkeys(sentence.citations)]
    together = " ".join(cited)
    if len(text) > LONGEST or not _clean(text, together):
        return False
    if "verdict" in sentence.citations and verdict not in text.lower():
        return False
    # A stranger's paper may say anything of "this picture".
    ours = " ".join(given[name] for name in sentence.citations if not name.startswith(papers.ID))
    parts = [part for part in _PARTS.split(text) if tokens([part])[0]]
    return (
        bool(parts)
        and all(_own_words(part, together) > OWN_WORDS for part in parts)
        and _numbers_hold(text, cited)
        and not _contradicts(text, ours, verdict)
    )


def _clean(text: str, cited: str) -> bool:
    """Tell whether a text is plain: no letters that look like others, no mark-up."""
    foreign = {letter for letter in text if not letter.isascii()} - _TYPOGRAPHY - set(cited)
    return text.isprintable() and not foreign and not _MARKUP.search(text)


def _numbers_hold(text: str, cited: list[str]) -> bool:
    said, there = _numbers(text), [_numbers(one) for one in cited]
    if not set(said) <= set().union(*there):
        return False
    # Two numbers that changed places are wrong numbers.
    if not all(_in_order([n for n in said if n in one], one) for one in there):
        return False
    clauses = [clause for one in cited for clause in _CLAUSES.split(one)]
    return all(_of_the_same(clause, clauses) for clause in _CLAUSES.split(text))


def _of_the_same(clause: str, cited: list[str]) -> bool:
    """Tell whether the numbers of a clause are said of what they were measured of.

    Its words must be rather those that stand by these numbers than those that stand by others.
    """
    numbers = _digits(clause)
    if not numbers:
        return True
    own: set[str] = set()
    others: set[str] = set()
    for one in cited:
        if found := _digits(one):
            (own if found & numbers else others).update(_stems(one))
    words = _stems(clause)
    return len(words & (others - own)) <= len(words & (own - others))


def _digits(text: str) -> set[str]:
    return {number for number in _numbers(text) if number[0].isdigit()}


def _stems(text: str) -> set[str]:
    return {word for word in tokens([text])[0] if not word.isdigit()}


def _in_order(said: list[str], there: list[str]) -> bool:
    rest = iter(there)
    return all(number in rest for number in dict.fromkeys(said))


def _numbers(text: str) -> list[str]:
    """Return the numbers of a text in order: digits with their percent sign, and words."""
    found = [*_NUMBER.finditer(text), *_NUMBER_WORDS.finditer(text)]
    return [_plain(one.group()) for one in sorted(found, key=lambda one: one.start())]


def _plain(number: str) -> str:
    if not number[0].isdigit():
        return number.lower()
    digits = re.match(r"[\d.,]*\d", number)
    assert digits is not None
    percent = "%" if digits.end() < len(number) else ""
    return digits.group().replace(",", ".") + percent


def _contradicts(text: str, cited: str, verdict: str) -> bool:
    """Tell whether a sentence may call the picture what it was not called.

    A word for another verdict is harmless where it stands in what is cited between the same words,
    or before the same plural. So is a word for this verdict, where it is not denied.
    """
    there = list(map(_words, _PARTS.split(cited)))
    known = {word for words in there for word in words}
    around = {_around(words, index) for words in there for index in range(len(words))}
    runs = {tuple(words[max(i - 4, 0) : i + 1]) for words in there for i in range(len(words))}
    pairs = {pair for words in there for pair in pairwise(words)}
    plurals = {pair for pair in pairs if pair[1].endswith("s") and pair[1] not in _SINGULAR}
    for words in map(_words, _PARTS.split(text)):
        for index, word in enumerate(words):
            claims = {name for name, said in _CLAIMS.items() if re.fullmatch(said, word)}
            if claims == {verdict}:
                as_cited = tuple(words[max(index - 4, 0) : index + 1]) in runs
                if verdict not in known or (_turned(words[:index], verdict) and not as_cited):
                    return True
            elif claims:
                evidence = words[max(index - 2, 0) : index] == ["evidence", "for"]
                harmless = (
                    _around(words, index) in around
                    or tuple(words[index : index + 2]) in plurals
                    or (evidence and f"evidence for {word}" in cited.lower())
                )
                if not harmless:
                    return True
    return False


def _turned(before: list[str], verdict: str) -> bool:
    """Tell whether the words before the verdict turn it into its opposite."""
    denied = any(word in _NOT or word.endswith("n't") for word in before[-4:])
    # The probability that is told is that of a fake.
    return denied or (verdict != "fake" and not _LIKELY.isdisjoint(before[-6:]))


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(_NAMES.sub("", text.replace("’", "'")))]


def _around(words: list[str], index: int) -> tuple[str, ...]:
    """Return a word with the two before it and the one after it."""
    return (*([""] * 2 + words)[index : index + 3], *(words[index + 1 : index + 2] or ("",)))


def _own_words(text: str, cited: str) -> float:
    """Return the share of a text's words that stand in what it cites, by their stems."""
    said, there = tokens([text, cited])
    return sum(word in set(there) for word in said) / len(said)
