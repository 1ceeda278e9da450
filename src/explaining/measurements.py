"""What was measured of one image: each with an id, a value and a sentence."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from src import InputError
from src.data import face_mask, pixels
from src.data.faces import Face, Finder
from src.detector import verdict
from src.detector.detector import CAREFUL, Detector
from src.detector.framing import View
from src.detector.prediction import Judgement, Part, Prediction
from src.explaining import file_facts, file_wording, provenance, regions, spectrum, wording
from src.explaining.wording import Measurement

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """An image and what was measured of it."""

    prediction: Prediction
    measurements: dict[str, Measurement]  # by id, in the order in which a reader wants them


def measure(
    content: bytes,
    name: str,
    detector: Detector,
    *,
    faces: str = "auto",
    careful: bool = False,
    trust_anchors: Path | None = None,
    judged: tuple[np.ndarray, Judgement] | None = None,
) -> Measured:
    """Judge an image as `Detector.predict` does, and measure all that may be said of it.

    Args:
        faces: which faces are judged, one of `framing.FACES`, where it is judged here.
        careful: the verdict must survive mild re-encodings, where it is judged here. They are
            measured in any case, of the most suspicious face.
        judged: the image, `(H, W, 3)` uint8 RGB, and what was said of it; None reads and judges it
            here.

    Raises:
        InputError: it is no image, or the list of trusted roots cannot be read.
    """
    image = judged[0] if judged else pixels.read(content, name)
    facts = file_facts.read(content, name, image)
    credentials = provenance.read(content, facts.media_type, trust_anchors)
    if judged is None:
        stability, sha256 = CAREFUL if careful else 0, hashlib.sha256(content).hexdigest()
        seen = detector.see(image, faces, stability=stability, path=name, sha256=sha256)
        judged = image, detector.judge([seen])[0]
    judgement = judged[1]
    prediction, part = judgement.prediction, judgement.parts[judgement.highest]
    found = [
        *wording.of_verdict(prediction, detector.calibration, part.verdict.reasons),
        _stability(prediction, part, image, detector),
        *_evidence(prediction, part, image, detector),
        wording.of_size(part.view, detector.calibration),
        *file_wording.of_file(facts),
        *file_wording.of_credentials(credentials),
        *file_wording.of_spectrum(spectrum.measure(image)),
    ]
    return Measured(prediction, {one.id: one for one in found})


def _stability(
    prediction: Prediction, part: Part, image: np.ndarray, detector: Detector
) -> Measurement:
    view, again = part.view, part.output.again
    if not again:
        copies = view.inputs(image, detector.card.image_size, CAREFUL)[1:]
        again = tuple(detector.logits(copies).tolist())
    logits = (part.output.logit, *again)
    first, *others = (verdict.decide(logit, detector.calibration) for logit in logits)
    alike = sum(other == first for other in others)
    # Where something else than the score decided, copies with another score change nothing.
    by_score = set(prediction.reasons) <= {verdict.BETWEEN_THRESHOLDS, verdict.UNSTABLE}
    return wording.of_stability(
        alike, len(others), logits, detector.card.temperature, counts=by_score, box=view.box
    )


def _evidence(
    prediction: Prediction, part: Part, image: np.ndarray, detector: Detector
) -> Iterator[Measurement]:
    """Say where the evidence lies: in which regions, where there is a face to draw them from."""
    # The evidence is that for the verdict; without one, for what is likelier.
    undecided = prediction.verdict == "inconclusive"
    fake = prediction.p_fake >= 0.5 if undecided else prediction.verdict == "fake"
    view, evidence = part.view, part.output.evidence
    face = view.face or _face(view, image, detector)
    # A face of a pixel or two has no regions.
    if face is not None and face_mask.is_face(face.landmarks):
        yield from wording.of_regions(
            regions.locate(evidence, view.box, face.landmarks, fake=fake), view.box, fake=fake
        )
    yield from wording.of_concentration(
        regions.concentration(evidence, fake=fake), view.box, fake=fake
    )


def _face(view: View, image: np.ndarray, detector: Detector) -> Face | None:
    """Return the face of a picture that was judged whole, without looking for faces.

    Where there are several, the rest of the picture is not the hair and background of one.
    """
    if verdict.NO_FACE in view.reasons:
        return None
    # A bundle that judges whole images carries no networks that find faces.
    finder = _finder() if detector.card.framing is None else detector.finder
    found = [] if finder is None else finder.find(image)
    return found[0] if len(found) == 1 else None


@cache
def _finder() -> Finder | None:
    """Return what finds faces; None where it is not installed, as in the container."""
    try:
        return Finder.from_package()
    except InputError as error:
        log.warning("in which regions of a face the evidence lies is not measured: %s", error)
        return None
