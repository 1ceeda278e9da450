"""Find the notes that fit a question: by words, and by meaning too where there is an encoder."""

import logging
from collections.abc import Callable, Sequence

import numpy as np

from src import InputError, install
from src.explaining.notes import Note

# Turns n texts into (n, d) float32 rows of length 1, near each other where texts mean the same.
Encoder = Callable[[Sequence[str]], np.ndarray]

# Words common in questions that tell nothing, beside the stop words of bm25s.
IDLE_WORDS = """
could would should might must may cannot need let also almost already always never often sometimes
rather quite really still just even ever yet perhaps maybe much many less least few little enough
make makes made get gets got give gives take takes put go goes come comes done see sees seen look
looks tell tells say says know knows think mean means want good bad better best well thing things
something anything everything someone somebody anyone anybody everybody way kind sort one work
works use uses used using help helps try find finds actually simply hardly
"""
# What `--dense` searches with; of the extra `[dense]`.
MODEL = "sentence-transformers/all-MiniLM-L6-v2"
# The constant of reciprocal rank fusion, from its authors' paper.
FUSION = 60


class Library:
    """Notes that can be searched.

    Keep our notes and a person's papers in two, so that papers push none of our notes out.
    """

    def __init__(
        self, notes: Sequence[Note], encoder: Encoder | None = None, *, shared: int = 0
    ) -> None:
        """Index the notes.

        Args:
            encoder: such as `encoder()`; None searches by words alone.
            shared: how many of a question's words a note must have, whatever finds it; for texts
                that may be about anything.
        """
        self.notes, self._shared = tuple(notes), shared
        # Without the titles of publications: their terms are not those that people ask with.
        stems = tokens([f"{note.title} {' '.join(note.keywords)} {note.text}" for note in notes])
        self._stems = [set(words) for words in stems]
        self._rankings: list[Callable[[str], np.ndarray]] = []
        if any(stems):
            self._rankings.append(_by_words(stems))
        if self.notes and encoder:
            self._rankings.append(_by_meaning(self.notes, encoder))

    def search(self, question: str, count: int = 3) -> tuple[Note, ...]:
        """Return the notes that fit best, the best first.

        By words alone only notes that share a word with the question are returned.

        Args:
            question: a sentence or a list of terms, in anybody's words.
        """
        if not self._rankings:
            return ()
        scores = fuse([ranking(question) for ranking in self._rankings])
        asked = set(tokens([question])[0])
        least = min(self._shared, len(asked))
        scores = np.where([len(asked & one) >= least for one in self._stems], scores, 0)
        best = [index for index in np.argsort(-scores, kind="stable") if scores[index] > 0]
        return tuple(self.notes[index] for index in best[:count])


def tokens(texts: Sequence[str]) -> list[list[str]]:
    """Return the stems of each text's words, lower-case, without those that tell nothing."""
    import bm25s
    import Stemmer
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    return bm25s.tokenize(
        list(texts),
        stopwords=[*STOPWORDS_EN_PLUS, *IDLE_WORDS.split()],
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
        ranks = 1 + np.searchsorted(np.sort(-scores), -scores)
        fused += np.where(scores > 0, 1 / (FUSION + ranks), 0)
    return fused


def _by_words(stems: list[list[str]]) -> Callable[[str], np.ndarray]:
    """Return what gives each note its BM25 score for a question, 0 where no word is shared."""
    import bm25s

    # It reports every index that it builds.
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    index = bm25s.BM25()
    index.index(stems, show_progress=False)

    def scores(question: str) -> np.ndarray:
        (words,) = tokens([question])
        return index.get_scores(words) if words else np.zeros(len(stems))

    return scores


def _by_meaning(notes: Sequence[Note], encoder: Encoder) -> Callable[[str], np.ndarray]:
    """Return what gives each note its cosine with a question."""
    import faiss

    vectors = encoder([f"{note.title}. {note.text}" for note in notes])
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)

    def scores(question: str) -> np.ndarray:
        cosines, order = index.search(encoder([question]), len(notes))
        found = np.empty(len(notes), np.float32)
        found[order[0]] = cosines[0]
        return found

    return scores


def encoder() -> Encoder:
    """Return an encoder of English sentences, which is downloaded from the model hub once.

    Raises:
        InputError: the packages of the extra are missing, or the model cannot be had.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise InputError(f"searching by meaning needs more packages: {install('dense')}") from error
    try:
        network = SentenceTransformer(MODEL)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{MODEL}: the encoder is neither here nor to be had from the model hub ({error})"
        ) from error

    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors = network.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32)

    return encode
