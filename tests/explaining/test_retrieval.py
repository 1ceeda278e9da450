"""Finding notes: by words, by meaning, by both."""

import sys
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import retrieval as benchmark
from src import InputError
from src.explaining import notes, retrieval
from src.explaining.notes import Note, Source
from src.explaining.retrieval import Library, fuse

SOURCE = Source("A Study")
SEAM = Note("seam", "Swaps leave a seam", "Blending shows at the border.", SOURCE, ("jaw",))
EYES = Note("eyes", "Eyes differ", "Reflections in generated eyes disagree.", SOURCE)
FILE = Note("file", "Files are saved twice", "A second saving leaves traces.", SOURCE)
ALL = (SEAM, EYES, FILE)
MEANINGS = {"seam": (1, 0, 0), "eyes": (0, 1, 0), "file": (0, 0, 1)}


def encode(texts):
    """Stand in for an encoder that knows what `gaze` means, and nothing else."""
    rows = []
    for text in texts:
        kind = next((note.id for note in ALL if text.startswith(note.title)), None)
        rows.append(MEANINGS[kind] if kind else (0.1, 0.99, 0) if "gaze" in text else (0.57,) * 3)
    return np.asarray(rows, np.float32)


def ids(found):
    return [note.id for note in found]


@pytest.mark.parametrize(
    ("question", "expected"),
    [("Is there a seam?", "seam"), ("the JAW looks odd", "seam"), ("reflected in her eye", "eyes")],
)
def test_words_are_found_in_any_form_and_field(question, expected):
    assert ids(Library(ALL).search(question))[0] == expected


def test_only_notes_that_share_a_word_are_found_and_no_more_than_asked_for():
    library = Library(ALL)
    assert len(library.search("leaves eyes", 1)) == 1
    assert library.search("unheard-of gibberish") == ()
    assert library.search("could it be that the") == ()
    assert library.search("") == ()
    assert Library(()).search("seam") == ()
    assert Library([Note("page", "7", "of the", SOURCE)]).search("seam") == ()


def test_what_shares_more_words_comes_first():
    found = Library(ALL).search("a second saving leaves traces, eyes leave a seam in a jaw")
    assert ids(found) == ["file", "seam", "eyes"]


def test_meaning_finds_what_words_do_not():
    assert Library(ALL).search("a strange gaze") == ()
    assert ids(Library(ALL, encode).search("a strange gaze"))[0] == "eyes"


def test_words_still_count_where_there_is_meaning():
    assert ids(Library(ALL, encode).search("the seam at her gaze", 2)) == ["seam", "eyes"]


def test_fusing_goes_by_ranks_whatever_the_scale():
    words, meaning = np.array([9.0, 0, 3]), np.array([0.2, 0.9, 0.1])
    once = fuse([words, meaning])
    assert np.allclose(once, fuse([words * 1000, meaning / 7]))
    assert np.allclose(once, [1 / 61 + 1 / 62, 1 / 61, 1 / 62 + 1 / 63])


def test_without_the_extra_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(InputError, match=r"pip install -e '\.\[dense\]'"):
        retrieval.encoder()


def test_the_encoder_is_asked_for_rows_of_length_one(monkeypatch):
    asked = {}

    class Stub:
        def __init__(self, name):
            asked["name"] = name

        def encode(self, texts, **options):
            asked.update(options)
            return np.ones((len(texts), 4)) / 2

    packages = ModuleType("sentence_transformers")
    packages.SentenceTransformer = Stub
    monkeypatch.setitem(sys.modules, "sentence_transformers", packages)
    rows = retrieval.encoder()(["one", "two"])
    assert rows.shape == (2, 4) and rows.dtype == np.float32
    assert asked["name"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert asked["normalize_embeddings"]


def test_a_model_that_cannot_be_had_is_an_error_of_one_line(monkeypatch):
    def missing(name):
        raise OSError("no network")

    packages = ModuleType("sentence_transformers")
    packages.SentenceTransformer = missing
    monkeypatch.setitem(sys.modules, "sentence_transformers", packages)
    with pytest.raises(InputError, match="model hub.*no network"):
        retrieval.encoder()


def test_lay_questions_find_their_notes():
    asked = benchmark.questions("development")
    assert len(asked) >= 30
    assert benchmark.recall(Library(notes.load()), asked) >= 0.95


@pytest.mark.parametrize("part", ["held-out", "fresh"])
def test_questions_that_nobody_tuned_on_find_their_notes(part):
    asked = benchmark.questions(part)
    assert len(asked) >= 30
    assert benchmark.recall(Library(notes.load()), asked) >= 0.9


def test_every_note_is_retrieved_by_a_question_of_a_lay_reader():
    library, asked = Library(notes.load()), benchmark.questions(*benchmark.PARTS)
    got = {name for question in asked for name in benchmark.found(library, question)}
    assert got == {note.id for note in library.notes}


@pytest.mark.parametrize("encoder", [None, encode])
def test_a_text_about_anything_must_share_two_words_with_the_question(encoder):
    strict = Library(ALL, encoder, shared=2)
    assert strict.search("a seam in a mountain") == ()
    assert ids(strict.search("a seam at a border")) == ["seam"]
    assert ids(strict.search("seam")) == ["seam"]


def test_as_many_questions_are_held_out_as_are_not_and_none_is_asked_twice():
    by_part = {part: benchmark.questions(part) for part in benchmark.PARTS}
    assert len(by_part["held-out"]) == len(by_part["development"])
    texts = [question.text for asked in by_part.values() for question in asked]
    assert len(set(texts)) == len(texts)


def test_the_benchmark_shows_no_miss_of_what_is_held_out():
    result = CliRunner().invoke(benchmark.command, ["--part", "held-out"])
    assert result.exit_code == 0
    assert "| held-out |" in result.stdout
    assert "missed" not in result.output
