"""What the name of a folder says of the images in it: their class, their split, both or neither."""

import re
from dataclasses import dataclass

SPLITS = ("train", "validation", "test")
CLASSES = ("real", "fake")  # a class's index is its label

_SYNONYMS = {
    "real": "real reals authentic original originals pristine genuine natural nature human humans "
    "bonafide",
    "fake": "fake fakes deepfake deepfakes ai aigc synthetic synthesis synthesized synthesised "
    "generated manipulated manipulation forged forgery forgeries tampered altered swapped "
    "faceswap gan gans",
    "train": "train training",
    "validation": "validation valid val validate dev",
    "test": "test testing tests eval evaluation",
}
_TERMS = {word: term for term, words in _SYNONYMS.items() for word in words.split()}
_NEGATIONS = {"not", "non", "no", "un", "never"}
# "training_fake", "FakeFaces", "AIGenerated", "0_real"
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Meaning:
    """What a folder's name says."""

    label: int | None = None  # 1 fake, 0 real, None where no class is named or it is unclear which
    split: str | None = None  # out of `SPLITS`, or None
    unclear: str = ""  # what is said of the class where it cannot be told, such as "not real"

    def __str__(self) -> str:
        name = self.unclear if self.label is None else CLASSES[self.label]
        return " ".join(filter(None, (self.split, name))) or "nothing"


def meaning(name: str) -> Meaning:
    """Read the name of a folder."""
    words = [word.lower() for word in _WORD.findall(name)]
    words.append("".join(words))  # "face_swap", "bona-fide"
    terms = {_TERMS[word] for word in words if word in _TERMS}
    split = next((split for split in SPLITS if split in terms), None)
    labels = [label for label, name in enumerate(CLASSES) if name in terms]
    if len(labels) > 1:
        return Meaning(split=split, unclear=" or ".join(CLASSES))
    if labels and not _NEGATIONS.isdisjoint(words):
        return Meaning(split=split, unclear=f"not {CLASSES[labels[0]]}")
    return Meaning(split=split, label=labels[0] if labels else None)


def vocabulary() -> str:
    """List the words that are understood, for error messages."""
    return "; ".join(f"{term}: {words}" for term, words in _SYNONYMS.items())
