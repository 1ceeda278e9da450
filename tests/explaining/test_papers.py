"""A person's own papers: passages with pages, and files that cannot be read."""

import random
from itertools import pairwise
from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from src import InputError
from src.explaining import papers
from src.explaining.retrieval import Library

FONT = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}


def write_pdf(path: Path, *pages: str, password: str = "") -> Path:
    """Write a PDF with one line of text a page."""
    writer = PdfWriter()
    font = DictionaryObject({NameObject(k): NameObject(v) for k, v in FONT.items()})
    fonts = DictionaryObject({NameObject("/F1"): font})
    for text in pages:
        page = writer.add_blank_page(600, 800)
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 20 700 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(content)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        writer.write(file)
    return path


def test_a_passage_names_its_file_and_page(tmp_path):
    write_pdf(tmp_path / "b.PDF", "Otters hold hands.")
    write_pdf(tmp_path / "a" / "birds.pdf", "Owls turn their heads.", "Cranes dance in spring.")
    read = papers.read(tmp_path)
    assert read.skipped == ()
    assert [passage.id for passage in read.passages] == ["paper-1", "paper-2", "paper-3"]
    found = Library(read.passages).search("dancing cranes", 1)[0]
    assert (found.source.work, found.source.page) == ("a/birds.pdf", 2)
    assert found.text == "Cranes dance in spring."


def test_long_pages_are_cut_into_passages_that_overlap(tmp_path):
    words = [f"word{number}" for number in range(300)]
    write_pdf(tmp_path / "long.pdf", " ".join(words))
    passages = [passage.text.split() for passage in papers.read(tmp_path).passages]
    assert [word for passage in passages for word in passage][:120] == words[:120]
    assert set().union(*passages) == set(words)
    assert all(len(passage) <= papers.PASSAGE for passage in passages)
    for one, next_one in pairwise(passages):
        assert one[-papers.OVERLAP :] == next_one[: papers.OVERLAP]
        assert len(next_one) > papers.OVERLAP


def test_files_that_cannot_be_read_are_named_and_the_others_read(tmp_path):
    write_pdf(tmp_path / "good.pdf", "Otters hold hands.")
    write_pdf(tmp_path / "empty.pdf", "")
    write_pdf(tmp_path / "locked.pdf", "Secret.", password="key")
    (tmp_path / "letter.pdf").write_text("Dear all", encoding="utf-8")
    (tmp_path / "nothing.pdf").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no PDF", encoding="utf-8")
    read = papers.read(tmp_path)
    assert [passage.text for passage in read.passages] == ["Otters hold hands."]
    reasons = {path.name: reason for path, reason in read.skipped}
    assert set(reasons) == {"empty.pdf", "locked.pdf", "letter.pdf", "nothing.pdf"}
    assert "password" in reasons["locked.pdf"]
    assert "no text" in reasons["empty.pdf"]
    assert "cannot be read" in reasons["letter.pdf"]


def test_damaged_files_are_skipped_whatever_the_damage(tmp_path):
    content = write_pdf(tmp_path / "whole.pdf", "Owls turn.", "Cranes dance.").read_bytes()
    for seed in range(40):
        chance = random.Random(seed)
        damaged = bytearray(content[: chance.randrange(50, len(content))])
        for _ in range(chance.randrange(1, 30)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        (tmp_path / f"{seed:02}.pdf").write_bytes(damaged)
    read = papers.read(tmp_path)
    assert {p.source.work for p in read.passages} >= {"whole.pdf"}
    assert read.skipped


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_folder_without_papers_is_an_error(tmp_path, name):
    with pytest.raises(InputError, match="PDF files"):
        papers.read(tmp_path / name)


def test_passages_hold_nothing_that_steers_a_terminal():
    (passage,) = papers._passages("red \x1b[31malarm\u202e and\nmore")
    assert passage == "red [31malarm and more"
