"""A self-contained HTML page out of tables and pictures: the only HTML in the wings."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

QUALITY = 85  # of small JPEGs
_PNG = b"\x89PNG"


@dataclass(frozen=True)
class Picture:
    """A picture with what stands under it."""

    content: bytes | None  # of a JPEG or PNG file; None where there is nothing to show
    caption: str  # plain text
    alt: str = ""  # what it shows, for those who cannot see it

    @classmethod
    def of(cls, image: np.ndarray, side: int, caption: str, alt: str = "") -> Self:
        """Return a small version of an image, in the image's shape.

        Args:
            image: `(H, W, 3)` uint8 RGB.
            side: the longer one of what is shown, in pixels.
        """
        small, file = Image.fromarray(image), io.BytesIO()
        small.thumbnail((side, side))
        small.save(file, "JPEG", quality=QUALITY)
        return cls(file.getvalue(), caption, alt)

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        content = self.content or b""
        kind = "png" if content.startswith(_PNG) else "jpeg"
        return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


@dataclass(frozen=True)
class Sentence:
    """A sentence with the numbers of its footnotes, from 1."""

    text: str
    marks: Sequence[int]


@dataclass(frozen=True)
class Footnote:
    """What a sentence rests on, and the address where it is found; empty for none."""

    text: str
    url: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a page."""

    title: str
    text: str = ""  # paragraphs, one a line; empty for none
    mark: str = ""  # `bad`, `warning` or `good` colours the heading; empty for none
    header: Sequence[str] = ()  # of the table
    rows: Sequence[Sequence[object]] = ()  # of the table
    figures: Sequence[Picture] = ()  # large pictures, one under the other or side by side
    pictures: Sequence[Sequence[Picture]] = ()  # rows of small pictures that belong together
    cited: Sequence[Sequence[Sentence]] = ()  # paragraphs of sentences with footnotes
    # In the order of their numbers; of one section of a page alone.
    footnotes: Sequence[Footnote] = ()


def render(title: str, lead: str, sections: Sequence[Section]) -> str:
    """Return a page of sections as HTML; `lead` is its first sentence, which says what came out."""
    return fill("page.html.jinja", title=title, lead=lead, sections=sections)


def fill(template: str, **values: Any) -> str:
    """Return a template of this folder as HTML; all text is escaped, all pictures are inside."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(template).render(values)
