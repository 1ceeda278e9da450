"""What the network sees of some images, for measurements and for people."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from src.data import pixels
from src.detector.detector import Detector
from src.detector.framing import View
from src.detector.prediction import Prediction
from src.evaluation.judged import Judged
from src.report import plots

READERS = 4


@dataclass(frozen=True)
class Sight:
    """One image as the network gets it: one face, or the whole of it."""

    input: np.ndarray  # `(S, S, 3)` uint8 RGB
    view: View  # what part of the image that shows


def see(
    detector: Detector, paths: Sequence[str], faces: str, which: Sequence[int] | None = None
) -> list[Sight]:
    """Read images and cut out of each what is judged.

    Args:
        which: the number of the face in each image; None takes the largest.
    """
    framing, size = detector.framing(faces), detector.card.image_size

    def read(path: str, number: int) -> Sight:
        image = pixels.read(path)
        view = framing.views(image)[number]
        return Sight(pixels.resize(view.cut(image), size), view)

    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(read, paths, which or [0] * len(paths)))


@dataclass(frozen=True)
class Shown:
    """One image as the network saw it, with the evidence for the answer that it gave."""

    picture: np.ndarray  # `(S, S, 3)` uint8 RGB
    label: int  # 1 for fake, 0 for real
    p_fake: float  # probability of *fake* in [0, 1]
    name: str  # of the file


def show(detector: Detector, judged: Judged, indices: Sequence[int], faces: str) -> list[Shown]:
    """Paint the evidence of some judged images over what the network saw of them."""
    if not indices:
        return []
    which = [_decisive(judged.predictions[i]) for i in indices]
    seen = see(detector, [judged.paths[i] for i in indices], faces, which)
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


def _decisive(said: Prediction) -> int:
    """Return which face of an image has the score of the image."""
    logits = [face.logit for face in said.faces]
    return logits.index(said.logit) if said.logit in logits else 0
