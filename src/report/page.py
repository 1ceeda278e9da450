"""A self-contained HTML page out of tables and pictures: the only HTML in the wings."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = Path(__file__).with_name("page.html.jinja")


@dataclass(frozen=True)
class Picture:
    """A picture with what stands under it.

    Attributes:
        jpeg: content of a JPEG file; None where there is nothing to show.
        caption: plain text.
    """

    jpeg: bytes | None
    caption: str

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg or b"").decode()


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        title: its heading.
        text: a paragraph; empty for none.
        mark: `bad`, `warning` or `good` colours the heading; empty for none.
        header: of the table.
        rows: of the table.
        pictures: rows of pictures that belong together.
    """

    title: str
    text: str = ""
    mark: str = ""
    header: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    pictures: Sequence[Sequence[Picture]] = ()


def render(title: str, lead: str, sections: Sequence[Section]) -> str:
    """Return the page as HTML; all text is escaped, all pictures are inside.

    Args:
        title: of the page.
        lead: the first sentence, which says what came out.
        sections: what follows.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(title=title, lead=lead, sections=sections)
