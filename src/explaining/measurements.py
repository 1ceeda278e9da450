"""What was measured of one image: each with an id, a value and a sentence."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from src import InputError
from src.data import face_mask, pixels
from src.data.faces import Face, Finder
from src.detector import verdict
from src.detector.detector import CAREFUL, Detector, again
from src.detector.framing import View
from src.detector.prediction import Output, Prediction, judge, put_together
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
) -> Measured:
    """Judge an image as `Detector.predict` does, and measure all that may be said of it.

    Args:
        careful: the verdict must survive mild re-encodings. They are measured in any case, of the
            most suspicious face.

    Raises:
        InputError: it is no image, or the list of trusted roots cannot be read.
    """
    facts = file_facts.read(content, name)
    credentials = provenance.read(content, facts.media_type, trust_anchors)
    image, size = pixels.read(content, name), detector.card.image_size
    views = detector.framing(faces).views(image)
    cuts = [view.cut(image) for view in views]
    outputs, maps = detector.outputs([pixels.resize(cut, size) for cut in cuts])
    highest = max(range(len(views)), key=lambda index: outputs[index].logit)
    copied = [
        replace(output, again=_copies(cut, detector)) if careful or index == highest else output
        for index, (cut, output) in enumerate(zip(cuts, outputs, strict=True))
    ]
    sha256 = hashlib.sha256(content).hexdigest()
    judged = copied if careful else outputs
    prediction = put_together(name, sha256, views, judged, detector.calibration)
    own = judge(views[highest], judged[highest], detector.calibration)
    found = [
        *wording.of_verdict(prediction, detector.calibration, own.reasons),
        *_stability(prediction, views[highest], copied[highest], detector),
        *_evidence(prediction, views[highest], maps[highest], image, detector),
        wording.of_size(views[highest], detector.calibration),
        *file_wording.of_file(facts),
        *file_wording.of_credentials(credentials),
        *file_wording.of_spectrum(spectrum.measure(image)),
    ]
    return Measured(prediction, {one.id: one for one in found})


def _copies(cut: np.ndarray, detector: Detector) -> tuple[float, ...]:
    size = detector.card.image_size
    outputs, _ = detector.outputs([pixels.resize(one, size) for one in again(cut, CAREFUL)])
    return tuple(output.logit for output in outputs)


def _stability(
    prediction: Prediction, view: View, output: Output, detector: Detector
) -> Iterator[Measurement]:
    first, *others = (
        verdict.decide(logit, detector.calibration) for logit in (output.logit, *output.again)
    )
    alike = sum(other == first for other in others)
    # Where something else than the score decided, copies with another score change nothing.
    by_score = set(prediction.reasons) <= {verdict.BETWEEN_THRESHOLDS, verdict.UNSTABLE}
    logits = (output.logit, *output.again)
    yield wording.of_stability(
        alike, len(others), logits, detector.card.temperature, counts=by_score, box=view.box
    )


def _evidence(
    prediction: Prediction,
    view: View,
    evidence: np.ndarray,
    image: np.ndarray,
    detector: Detector,
) -> Iterator[Measurement]:
    """Say where the evidence lies: in which regions, where there is a face to draw them from."""
    # The evidence is that for the verdict; without one, for what is likelier.
    undecided = prediction.verdict == "inconclusive"
    fake = prediction.p_fake >= 0.5 if undecided else prediction.verdict == "fake"
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
