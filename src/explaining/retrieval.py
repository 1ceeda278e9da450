"""Find the notes that fit a question: by words (BM25), and by meaning too where an encoder is given."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from src.explaining.notes import Note

# Turns n texts into (n, d) float32 rows of length 1, near each other where texts mean the same.
Encoder = Callable[[Sequence[str]], np.ndarray]

# The constant of reciprocal rank fusion, from its authors' paper.
FUSION = 60


@dataclass(frozen=True)
class Hit:
    """A note that was found.

    Attributes:
        note: what was found.
        score: higher fits better; comparable within one search only.
    """

    note: Note
    score: float


class Library:
    """Notes that can be searched.

    Keep our notes and a person's papers in two, so that papers push none of our notes out.
    """

    def __init__(self, notes: Sequence[Note], encoder: Encoder | None = None) -> None:
        """Take the notes; they are indexed at the first search.

        Args:
            notes: what is searched.
            encoder: such as `dense.encoder()`; None searches by words alone.
        """
        self.notes = tuple(notes)
        self._encoder = encoder

    def search(self, question: str, count: int = 3) -> tuple[Hit, ...]:
        """Return the notes that fit best, the best first.

        By words alone only notes that share a word with the question are returned.

        Args:
            question: a sentence or a list of terms, in anybody's words.
            count: at most so many.
        """
        if not self.notes:
            return ()
        scores = self._by_words(question)
        if self._encoder:
            scores = fuse([scores, self._by_meaning(question)])
        best = [index for index in np.argsort(-scores, kind="stable") if scores[index] > 0]
        return tuple(Hit(self.notes[index], float(scores[index])) for index in best[:count])

    def _by_words(self, question: str) -> np.ndarray:
        """Return `(n,)` float BM25 scores, 0 where no word is shared."""
        (words,) = tokens([question])
        return self._index.get_scores(words) if words else np.zeros(len(self.notes))

    def _by_meaning(self, question: str) -> np.ndarray:
        """Return `(n,)` float32 cosines."""
        assert self._encoder is not None
        cosines, order = self._vectors.search(self._encoder([question]), len(self.notes))
        scores = np.empty(len(self.notes), np.float32)
        scores[order[0]] = cosines[0]
        return scores

    @cached_property
    def _index(self) -> Any:
        import bm25s

        # It reports every index that it builds.
        logging.getLogger("bm25s").setLevel(logging.WARNING)
        index = bm25s.BM25()
        # Titles of publications are left out: their terms are not those that people ask with.
        words = [f"{note.title} {' '.join(note.keywords)} {note.text}" for note in self.notes]
        index.index(tokens(words), show_progress=False)
        return index

    @cached_property
    def _vectors(self) -> Any:
        import faiss

        assert self._encoder is not None
        vectors = self._encoder([f"{note.title}. {note.text}" for note in self.notes])
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return index


def tokens(texts: Sequence[str]) -> list[list[str]]:
    """Return the stems of each text's words, lower-case, without the commonest English words."""
    import bm25s
    import Stemmer

    return bm25s.tokenize(
        list(texts),
        stopwords="english_plus",
        stemmer=Stemmer.Stemmer("english"),
        return_ids=False,
        show_progress=False,
    )


def fuse(rankings: Sequence[np.ndarray]) -> np.ndarray:
    """Combine several scores of the same notes by their ranks.

    Reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009, doi:10.1145/1571941.1572114.

    Args:
        rankings: `(n,)` scores each, of any scale, higher is better; equal ones share the rank of
            the first of them, and a score of 0 or less counts for nothing.

    Returns:
        `(n,)` float scores.
    """
    fused = np.zeros(len(rankings[0]))
    for scores in rankings:
        ranks = 1 + (scores[None, :] > scores[:, None]).sum(axis=1)
        fused += np.where(scores > 0, 1 / (FUSION + ranks), 0)
    return fused
