"""What the network sees of some images, for measurements and for people."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from src.data import pixels
from src.detector.detector import Detector
from src.detector.prediction import Seen
from src.evaluation.judged import Judged
from src.processor import threads
from src.report import plots


def see(detector: Detector, paths: Sequence[str], faces: str) -> list[Seen]:
    """Read images and cut out of each what is judged."""
    # Loads what finds faces now: threads shall not do it side by side.
    detector.framing(faces)
    with ThreadPoolExecutor(threads()) as pool:
        return list(pool.map(lambda path: detector.see(pixels.read(path), faces), paths))


@dataclass(frozen=True)
class Shown:
    """One image as the network saw it, with the evidence for the answer that it gave."""

    picture: np.ndarray  # `(S, S, 3)` uint8 RGB
    label: int  # 1 for fake, 0 for real
    p_fake: float  # probability of *fake* in [0, 1]
    name: str  # of the file


def show(detector: Detector, judged: Judged, indices: Sequence[int], faces: str) -> list[Shown]:
    """Paint the evidence of some judged images over what the network saw of them."""
    seen = see(detector, [judged.paths[i] for i in indices], faces)
    shown = []
    for index, one, said in zip(indices, seen, detector.judge(seen), strict=True):
        image, evidence = one.inputs[said.highest], said.parts[said.highest].output.evidence
        heat = np.maximum(evidence if judged.logits[index] >= 0 else -evidence, 0)
        heat = heat / heat.max() if heat.max() > 0 else heat
        painted = plots.blend(image, [(heat, (0, 0, image.shape[1], image.shape[0]))])
        sample = judged.samples[index]
        p_fake = float(judged.p_fake[index])
        shown.append(Shown(painted, sample.label, p_fake, sample.path.name))
    return shown
