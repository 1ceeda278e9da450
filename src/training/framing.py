"""How the images of a training run are framed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from src.data.faces import Finder
from src.data.folders import Sample
from src.detector.framing import Framing, measure_framing
from src.training.settings import Settings

log = logging.getLogger(__name__)


def choose_framing(settings: Settings, samples: Sequence[Sample]) -> Framing:
    """Return how images are framed: as was asked, else as most training images are.

    Args:
        settings: `faces` and `framing` decide.
        samples: the images; those of the training split are measured.
    """
    if settings.faces == "off":
        return Framing()
    finder = Finder.from_package()
    if settings.framing is not None:
        return Framing(settings.framing, "largest", finder)
    paths = [sample.path for sample in samples if sample.split == "train"]
    measured = measure_framing(paths, finder, settings.seed)
    if measured.share is None:
        log.warning(
            "a face was found in %d of %d training images: every image is taken whole, in training "
            "and later (--faces off says so without looking)",
            measured.with_face,
            measured.images,
        )
        return Framing()
    log.info(
        "faces fill %.2f of the frame (median of %d images)", measured.share, measured.with_face
    )
    return Framing(measured.share, "largest", finder)


def with_finder(framing: Framing) -> Framing:
    """Return a framing that may come from another process, with a finder if it needs one."""
    if framing.faces == "off" or framing.finder is not None:
        return framing
    return replace(framing, finder=Finder.from_package())
