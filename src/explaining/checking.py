"""A language model chooses among our sentences; what is not ours, word for word, is no sentence.

It says which are told, in which of our wordings and order, and which are joined. Whatever it adds,
turns or makes up is therefore none of ours. What stays is printed in our letters and not in its.
"""

import unicodedata
from collections.abc import Mapping, Sequence

from src.explaining.writing import Sentence, join

# Measurements and notes that are joined in one sentence, at most.
JOINED = 3
_STRAIGHT = str.maketrans("‘’“”", "''\"\"")


def recognise(
    text: str, citations: Sequence[str], given: Mapping[str, Sequence[str]]
) -> Sentence | None:
    """Return the sentence of ours that a model has told, None where it is none.

    Case, spaces, straight quotation marks and the last full stop do not matter.

    Args:
        citations: ids; all must have been given, and those that the text needs must be among them.
        given: our wordings, by id.
    """
    ids = list(dict.fromkeys(citations))
    if not ids or len(ids) > JOINED or any(name not in given for name in ids):
        return None
    return _continue(None, _plain(text), {name: given[name] for name in ids})


def _continue(
    begun: Sentence | None, wanted: str, given: Mapping[str, Sequence[str]]
) -> Sentence | None:
    for name, wordings in given.items():
        rest = {other: given[other] for other in given if other != name}
        for wording in wordings:
            for longer in _longer(begun, wording):
                cited = (*(begun.citations if begun else ()), name)
                said = _plain(longer)
                if said == wanted:
                    return Sentence(longer, cited)
                if wanted.startswith(said) and (
                    found := _continue(Sentence(longer, cited), wanted, rest)
                ):
                    return found
    return None


def _longer(begun: Sentence | None, wording: str) -> tuple[str, ...]:
    if begun is None:
        return (wording,)
    return f"{begun.text} {wording}", join(begun.text, wording)


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).translate(_STRAIGHT).casefold()
    return " ".join(plain.replace("%", " %").split()).rstrip(".")
