"""Images of several sources at one framing, size and compression: no source gives itself away.

A source with one class only can be judged against others alone; put beside them as they are, size,
framing and sharpness would tell the class.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from src.data import pixels
from src.data.equalize import encode
from src.data.faces import Finder, crop
from src.data.folders import Sample
from src.progress import bar

FINDERS = 2  # threads


@dataclass(frozen=True)
class Frame:
    """How images are brought together.

    Attributes:
        name: of this way.
        framing: share of the frame that the face fills.
        size: side of the square in pixels.
        enlarge: take faces with fewer pixels, too. A picture that was enlarged is softer than one
            that was shrunk, which may tell its source.
    """

    name: str
    framing: float
    size: int
    enlarge: bool


@dataclass(frozen=True)
class Together:
    """Images that were brought together.

    Attributes:
        samples: of the files that were written, one a face.
        no_face: how many images were left out because no face was found in them.
        too_small: how many because their face has too few pixels.
    """

    samples: list[Sample]
    no_face: int
    too_small: int


def opposed(source: str, samples: Sequence[Sample]) -> list[Sample]:
    """Return a source's images and, for a class that it has none of, those of all other sources."""
    own = [sample for sample in samples if sample.source == source]
    there = {sample.label for sample in own}
    return own + [s for s in samples if s.source != source and s.label not in there]


def bring_together(
    samples: Sequence[Sample], finder: Finder, frame: Frame, folder: Path
) -> Together:
    """Write the largest face of each image as a JPEG of one framing, size and quality.

    Args:
        samples: the images.
        finder: of faces.
        frame: what they are brought to.
        folder: where the files go.

    Raises:
        ImageError: an image cannot be read.
    """

    def write(number: int) -> Sample | str:
        sample = samples[number]
        image = pixels.read(sample.path)
        found = finder.find(image)
        advance()
        if not found:
            return "no face"
        face = crop(image, found[0], frame.framing)
        if len(face) < frame.size and not frame.enlarge:
            return "too small"
        path = folder / f"{number:06}.jpg"
        path.write_bytes(encode(face, frame.size))
        return replace(sample, path=path)

    with bar("Bringing together", len(samples)) as advance, ThreadPoolExecutor(FINDERS) as pool:
        written = list(pool.map(write, range(len(samples))))
    kept = [one for one in written if isinstance(one, Sample)]
    return Together(kept, written.count("no face"), written.count("too small"))
