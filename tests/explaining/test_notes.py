"""The notes: of one form, with a source each, in the package."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.retrieval import PARTS, questions
from src import InputError
from src.explaining import notes
from src.explaining.notes import Source
from src.explaining.retrieval import Library, tokens

NOTES = notes.load()
NEEDED = {"title": str, "keywords": list, "authors": list, "year": int, "work": str}
IDENTIFIERS = {"arxiv": r"\d{4}\.\d{4,5}", "doi": r"10\.\d{4,9}/\S+"}
GOOD = """---
title: "Rain falls"
keywords: ["weather"]
authors: ["Ada Cloud", "Ben Fog", "Cy Mist"]
year: 2020
work: "On Rain: A Study"
arxiv: "2001.00001"
---

Water falls
from clouds.
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "rain.md"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(notes.FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_every_note_has_what_is_cited_and_exactly_one_identifier(path):
    before, front, claim = path.read_text(encoding="utf-8").split(notes.FENCE, 2)
    assert not before and claim.strip()
    lines = (line.partition(": ") for line in front.splitlines())
    facts = {name: json.loads(value) for name, _, value in lines}
    identifier = next(name for name in facts if name in IDENTIFIERS)
    assert re.fullmatch(IDENTIFIERS[identifier], facts.pop(identifier))
    assert {name: type(value) for name, value in facts.items()} == NEEDED
    assert all(facts.values())


def test_there_are_many_notes_and_each_is_one_short_claim_with_a_source():
    assert len(NOTES) >= 40
    for note in NOTES:
        assert note.source.authors and note.source.url.startswith("https://"), note.id
        assert 1990 < note.source.year < 2030, note.id
        assert 15 <= len(note.text.split()) <= 60, note.id
        assert note.text.endswith("."), note.id


def test_no_claim_is_told_twice():
    for name in ("title", "text"):
        told = [getattr(note, name) for note in NOTES]
        assert len(set(told)) == len(told)


def test_a_preprint_is_of_the_year_that_its_identifier_starts_with():
    wrong = [
        note.id
        for note in NOTES
        if note.source.arxiv and 2000 + int(note.source.arxiv[:2]) != note.source.year
    ]
    assert not wrong


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.id)
def test_every_title_is_a_claim_of_its_own(note):
    assert Library(NOTES).search(note.title, 1)[0] is note


def test_every_note_answers_a_question_and_every_question_has_its_notes():
    asked_for = [question.notes for question in questions(*PARTS)]
    assert set().union(*asked_for) == {note.id for note in NOTES}
    assert all(asked_for)


def test_keywords_add_words_that_the_claim_lacks():
    for note in NOTES:
        own = {word for text in tokens([note.title, note.text]) for word in text}
        idle = [
            k for k, words in zip(note.keywords, tokens(note.keywords), strict=True) if not words
        ]
        said = [
            k for k, w in zip(note.keywords, tokens(note.keywords), strict=True) if own >= set(w)
        ]
        assert not idle and not said, note.id


def test_a_note_is_read_with_its_lines_joined(tmp_path):
    note = notes.read(write(tmp_path, GOOD))
    assert (note.id, note.text) == ("rain", "Water falls from clouds.")
    assert note.source.url == "https://arxiv.org/abs/2001.00001"
    assert note.source.short == "Cloud et al., 2020"
    assert str(note.source) == "Ada Cloud et al., On Rain: A Study, 2020, arXiv:2001.00001"


def test_sources_of_other_kinds_say_where_they_are():
    article = Source("On Fog", ("A", "B"), 2021, doi="10.1000/x")
    assert (str(article), article.url) == (
        "A and B, On Fog, 2021, doi:10.1000/x",
        "https://doi.org/10.1000/x",
    )
    own = Source("mine/paper.pdf", page=3)
    assert (str(own), own.url) == ("mine/paper.pdf, page 3", "")


def test_a_folder_without_notes_is_an_error(tmp_path):
    with pytest.raises(InputError, match="found none"):
        notes.load(tmp_path)


def test_the_notes_travel_in_the_package(monkeypatch):
    from setuptools import Distribution

    monkeypatch.chdir(notes.FOLDER.parents[1])
    package = Distribution()
    package.parse_config_files()
    build = package.get_command_obj("build_py")
    build.ensure_finalized()
    files = {name for package, _, _, names in build.data_files for name in names}
    assert {f"{note.id}.md" for note in NOTES} <= {Path(name).name for name in files}
