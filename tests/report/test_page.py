"""The page stands alone and shows what it was given, whatever is written in that."""

import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from src.report.page import Footnote, Picture, Section, Sentence, render

NASTY = "<script>alert('x')</script> & \"quotes\".png"
VOID = {"meta", "img", "br"}


class Read(HTMLParser):
    """Keeps tags with their attributes and what stands in them, and checks that they close."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.open[-1], data))

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]

    def text(self, name):
        return [text for tag, text in self.texts if tag == name]


def content(kind):
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), 90, np.uint8)).save(file, kind)
    return file.getvalue()


def test_a_small_picture_keeps_its_shape():
    image = np.full((300, 200, 3), (200, 10, 10), np.uint8)
    small = Picture.of(image, 60, "a.png")
    with Image.open(io.BytesIO(small.content)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (40, 60))
        assert np.asarray(shown).mean((0, 1)) == pytest.approx([200, 10, 10], abs=8)
    assert (small.caption, small.alt) == ("a.png", "")


def test_everything_that_is_given_is_on_the_page():
    page = Read(
        render(
            "A title",
            "What came out.",
            [
                Section("One", "First line.\nSecond line.", "good"),
                Section("Two", header=("name", "number"), rows=[("a", 1), ("b", 2.5)]),
            ],
        )
    )
    assert page.text("title") == page.text("h1") == ["A title"]
    assert page.text("p") == ["What came out.", "First line.", "Second line."]
    assert page.text("h2") == ["One", "Two"]
    assert page.all("h2") == [{"class": "good"}, {}]
    assert page.text("th") == ["name", "number"]
    assert page.text("td") == ["a", "1", "b", "2.5"]


def test_names_of_files_are_text_and_nothing_else():
    page = Read(
        render(
            NASTY,
            NASTY,
            [
                Section(
                    NASTY,
                    NASTY,
                    header=(NASTY,),
                    rows=[(NASTY,)],
                    figures=[Picture(content("PNG"), NASTY, NASTY)],
                    pictures=[[Picture(content("JPEG"), NASTY, NASTY)]],
                )
            ],
        )
    )
    assert not page.all("script")
    for name in ("title", "h1", "h2", "th", "td"):
        assert page.text(name) == [NASTY], name
    assert page.text("figcaption") == [NASTY, NASTY]
    assert [image["alt"] for image in page.all("img")] == [NASTY, NASTY]


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("place", ["figures", "pictures"])
def test_pictures_are_inside_the_page(kind, place):
    picture = Picture(content(kind), "caption", "what it shows")
    pictures = {"figures": [picture], "pictures": [[picture]]}[place]
    (image,) = Read(render("t", "l", [Section("s", **{place: pictures})])).all("img")
    head, _, data = image["src"].partition(",")
    assert head == f"data:image/{kind.lower()};base64"
    assert base64.b64decode(data) == picture.content
    assert image["alt"] == "what it shows"


def test_the_page_needs_nothing_from_elsewhere():
    html = render("t", "l", [Section("s", "text", figures=[Picture(content("PNG"), "c")])])
    page = Read(html)
    assert "http" not in html and "url(" not in html and "@import" not in html
    assert not page.all("link") and not page.all("script")
    assert all(image["src"].startswith("data:") for image in page.all("img"))
    assert {"charset": "utf-8"} in page.all("meta")


def test_a_picture_that_is_missing_leaves_its_caption():
    page = Read(render("t", "l", [Section("s", pictures=[[Picture(None, "lost.png")]])]))
    assert not page.all("img")
    assert page.text("figcaption") == ["lost.png"]


def test_an_empty_section_is_its_heading_alone():
    page = Read(render("t", "l", [Section("s", header=("no", "rows"))]))
    assert page.text("h2") == ["s"]
    for name in ("table", "figure", "div"):
        assert not page.all(name), name


def test_pictures_that_belong_together_stand_in_one_row():
    def row(*names):
        return [Picture(content("PNG"), name) for name in names]

    page = Read(render("t", "l", [Section("s", pictures=[row("a", "b"), row("c")])]))
    assert [div["class"] for div in page.all("div")] == ["row", "row"]
    assert page.text("figcaption") == ["a", "b", "c"]


def test_sentences_have_footnotes_that_are_there():
    cited = [[Sentence(f"It is {NASTY}.", [1, 2])], [Sentence("And so.", [2])]]
    footnotes = [Footnote("measured: it"), Footnote(NASTY, 'https://a.example/"x')]
    read = Read(render("t", "l", [Section("Why", cited=cited, footnotes=footnotes)]))
    marks = [link["href"] for link in read.all("a") if "target" not in link]
    assert marks == [f"#footnote-{number}" for number in (1, 2, 2)]
    assert [item["id"] for item in read.all("li")] == ["footnote-1", "footnote-2"]
    (source,) = (link for link in read.all("a") if "target" in link)
    assert source["href"] == 'https://a.example/"x'
    assert source["rel"] == "noopener noreferrer"
    assert ("a", NASTY) in read.texts
