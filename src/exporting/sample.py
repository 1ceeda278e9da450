"""The images on which an export is held against Keras."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src import InputError
from src.data import folders, pixels
from src.data.augment import augment
from src.data.folders import Sample
from src.detector.card import Card
from src.detector.detector import Detector

log = logging.getLogger(__name__)

# So many images are compared, and so many quantise: a few hundred tell the range of activations.
COMPARED, QUANTISING = 256, 256
DRAWN_SAMPLE = Path(__file__).parents[2] / "dataset"


@dataclass(frozen=True)
class Images:
    """Faces as the network gets them."""

    pixels: np.ndarray  # `(N, S, S, 3)` uint8 RGB
    labels: np.ndarray  # `(N,)` 1 fake, 0 real; -1 for a varied copy, which is no new image
    said: str  # which they are, for the card


def find(card: Card, data_dirs: Sequence[str | Path]) -> list[Sample]:
    """List the images to work with.

    Args:
        card: names the data that the detector learnt from.
        data_dirs: folders; where none is given, the training data where folders of the names that
            the card has are here, else the drawn sample. Of a training on fewer images, as few.

    Raises:
        InputError: none of them is there.
    """
    named = [Path(name) for name in card.training.get("data_dirs", [])]
    if data_dirs or (named and all(folder.is_dir() for folder in named)):
        taken = [str(folder) for folder in data_dirs or named]
        log.info("exports are checked on the images of %s", ", ".join(taken))
        # As the training had it, so that what is split and chosen at random is the same again.
        return folders.scan(taken, seed=card.seed, **card.used)
    if DRAWN_SAMPLE.is_dir():
        log.warning("the training data is not here: the drawn sample is used; --data-dir is better")
        return folders.scan([DRAWN_SAMPLE])
    raise InputError("there are no images to check an export on: give --data-dir")


def read(
    detector: Detector, samples: Sequence[Sample], split: str, count: int, seed: int
) -> Images:
    """Read faces of one split, as many of each class; a smaller set is filled up with variations.

    Args:
        split: preferred; where it has no image, all splits are used.
    """
    there = [sample for sample in samples if sample.split == split] or list(samples)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(there)).tolist()
    by_class = [[there[i] for i in order if there[i].label == label] for label in (0, 1)]
    chosen = [sample for few in by_class for sample in few[: count // 2]]
    framing, size = detector.framing(), detector.card.image_size
    faces, labels = [], []
    for sample in chosen:
        try:
            content = pixels.content(sample.path)
            faces.append(framing.load(content, size, str(sample.path)))
        except pixels.ImageError:
            continue
        labels.append(sample.label)
    if not faces:
        raise InputError("none of the images to check an export on can be read: give --data-dir")
    real = len(faces)
    while len(faces) < count:
        faces.append(augment(faces[len(faces) % real], rng, "full"))
        labels.append(-1)
    sources = ", ".join(sorted({sample.source for sample in chosen}))
    splits = ", ".join(sorted({sample.split for sample in chosen}))
    said = f"{real} images of {sources} ({splits})"
    if real < count:
        said += f" and {count - real} variations of them"
    return Images(np.stack(faces), np.array(labels), said)
