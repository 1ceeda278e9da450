"""What the network sees of some images, for measurements and for people."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from src.data import pixels
from src.detector.detector import Detector
from src.evaluation.judged import Judged
from src.report import plots

READERS = 4


@dataclass(frozen=True)
class Sight:
    """One image as the network gets it: its largest face, or the whole of it.

    Attributes:
        input: `(S, S, 3)` uint8 RGB.
        box: left, top, width, height of what that shows, in pixels of the upright image.
    """

    input: np.ndarray
    box: tuple[int, int, int, int]

    def cut(self, image: np.ndarray) -> np.ndarray:
        """Return the same part of another picture of the image, such as a mask."""
        left, top, width, height = self.box
        return image[top : top + height, left : left + width]


def see(detector: Detector, paths: Sequence[str], faces: str) -> list[Sight]:
    """Read images and cut out of each what is judged first.

    Args:
        detector: decides framing and size.
        paths: the files, which could be read before.
        faces: which faces are judged, one of `framing.FACES`.
    """
    framing, size = detector.framing(faces), detector.card.image_size

    def read(path: str) -> Sight:
        image = pixels.read(path)
        view = framing.views(image)[0]
        return Sight(pixels.resize(view.cut(image), size), view.box)

    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(read, paths))


@dataclass(frozen=True)
class Shown:
    """One image as the network saw it, with the evidence for the answer that it gave.

    Attributes:
        picture: `(S, S, 3)` uint8 RGB.
        label: 1 for fake, 0 for real.
        p_fake: probability of *fake* in [0, 1].
        name: of the file.
    """

    picture: np.ndarray
    label: int
    p_fake: float
    name: str


def show(detector: Detector, judged: Judged, indices: Sequence[int], faces: str) -> list[Shown]:
    """Paint the evidence of some judged images over what the network saw of them.

    Args:
        detector: the one that judged them.
        judged: the images.
        indices: which of them.
        faces: which faces were judged.
    """
    if not indices:
        return []
    seen = see(detector, [judged.paths[i] for i in indices], faces)
    images = np.stack([one.input for one in seen])
    shown = []
    for index, image, evidence in zip(
        indices, images, detector.score(images).evidence, strict=True
    ):
        heat = np.maximum(evidence if judged.logits[index] >= 0 else -evidence, 0)
        heat = heat / heat.max() if heat.max() > 0 else heat
        painted = plots.blend(image, [(heat, (0, 0, image.shape[1], image.shape[0]))])
        sample = judged.samples[index]
        p_fake = float(judged.p_fake[index])
        shown.append(Shown(painted, sample.label, p_fake, sample.path.name))
    return shown
