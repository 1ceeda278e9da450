"""On a processor that a bundle has not been checked on: are its scores still those of Keras?

The bundle holds a few drawn images with their scores, so this needs no Keras.
"""

import hashlib
import json
import logging
import zipfile
import zlib
from pathlib import Path

import numpy as np

from src import InputError, processor
from src.detector.calibration import probability
from src.detector.card import Card
from src.detector.engines import Engine
from src.detector.exports import LIMITS, Export
from src.files import atomic_file, cache_folder, write_text

log = logging.getLogger(__name__)

REFERENCE_FILE = "reference.npz"
IMAGES = 4
_COARSE = 6


def draw(size: int) -> np.ndarray:
    """Draw the images: soft shapes with some grain.

    Returns:
        `(IMAGES, size, size, 3)` uint8 RGB.
    """
    import cv2

    rng = np.random.default_rng(0)
    images = []
    for _ in range(IMAGES):
        coarse = rng.integers(0, 256, (_COARSE, _COARSE, 3)).astype(np.float32)
        soft = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
        grain = rng.normal(0, rng.uniform(0, 8), soft.shape)
        images.append(np.rint(soft + grain).clip(0, 255).astype(np.uint8))
    return np.stack(images)


def write(folder: Path, engine: Engine, size: int) -> None:
    """Write the drawn images with their scores, which are those of Keras, into a bundle."""
    images = draw(size)
    logit = engine.run(images)["logit"]
    with atomic_file(folder / REFERENCE_FILE) as temporary:
        np.savez_compressed(temporary, images=images, logit=logit)


def trusts(folder: Path, card: Card, engine: Engine, export: Export) -> bool:
    """Tell whether an engine may run here: checked on this processor, now or before."""
    here = processor.describe()
    if here == export.processor:
        return True
    facts = repr((here, engine.name, engine.precision, sorted(export.files.items())))
    key = hashlib.sha256(facts.encode()).hexdigest()
    remembered = cache_folder() / "engines" / f"{key}.json"
    try:
        return json.loads(remembered.read_text(encoding="utf-8"))["trusted"] is True
    except (OSError, ValueError, KeyError, TypeError):
        difference = _difference(folder, card, engine)
    limits = LIMITS[engine.precision]
    # What is no number is over any limit.
    trusted = difference <= (limits.get("largest") or limits["mean"])
    if not trusted:
        log.warning(
            "%s in %s is not used on this processor (%s): p_fake differs by %.2g from Keras",
            engine.name,
            engine.precision,
            here,
            difference,
        )
    text = json.dumps({"processor": here, "difference": difference, "trusted": trusted})
    try:
        write_text(remembered, text + "\n")
    except InputError as error:
        log.info("not remembered: %s", error)
    return trusted


def _difference(folder: Path, card: Card, engine: Engine) -> float:
    """Return how far `p_fake` is from Keras': the largest, for int8 the mean."""
    try:
        with np.load(folder / REFERENCE_FILE) as known:
            images, wanted = known["images"], known["logit"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{folder / REFERENCE_FILE}: cannot be read ({error}); export the bundle again with "
            f"`deepfake export --model {folder} --overwrite`"
        ) from error
    before, after = (
        probability(logit, card.temperature) for logit in (wanted, engine.run(images)["logit"])
    )
    apart = np.abs(before - after)
    return float(apart.mean() if engine.precision == "int8" else apart.max())
