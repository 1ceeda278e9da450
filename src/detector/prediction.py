"""What a detector says of images, faces and files."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.detector import verdict
from src.detector.calibration import Calibration
from src.detector.framing import View
from src.detector.verdict import Verdict


@dataclass(frozen=True)
class Output:
    """What the network says of one view."""

    logit: float  # the raw output
    p_fake: float  # probability of *fake* in [0, 1]
    again: tuple[float, ...] = ()  # the raw outputs for mild re-encodings of the same view
    # Distance to the training faces; None where the bundle has no measure of it.
    unfamiliarity: float | None = None


@dataclass(frozen=True)
class Scores:
    """What the network says about N images."""

    logit: np.ndarray  # `(N,)` float32, before temperature
    p_fake: np.ndarray  # `(N,)` float64 in [0, 1], temperature included
    evidence: np.ndarray  # `(N, h, w)` float32; its sum plus `bias` is the logit
    bias: np.ndarray  # `(N,)` float32
    # `(N,)` float32, see `familiarity`; None where the bundle has none.
    unfamiliarity: np.ndarray | None = None
    # `(N, C)` float32, what a temporal head takes; None where the bundle has none.
    features: np.ndarray | None = None

    def outputs(self) -> list[Output]:
        """Return what is said of each image, without its map."""
        known = self.unfamiliarity
        distances = [None] * len(self.logit) if known is None else known.tolist()
        columns = self.logit.tolist(), self.p_fake.tolist(), distances
        return [
            Output(logit, p_fake, unfamiliarity=distance)
            for logit, p_fake, distance in zip(*columns, strict=True)
        ]


@dataclass(frozen=True)
class FacePrediction:
    """What we say about one face."""

    # Left, top, width, height in pixels of the upright image.
    box: tuple[float, float, float, float]
    score: float  # probability in [0, 1] that this is a face
    # Eyes, nose and corners of the mouth: x and y in pixels.
    landmarks: tuple[tuple[float, float], ...]
    verdict: verdict.Word  # `fake`, `real` or `inconclusive`
    p_fake: float  # probability of *fake* in [0, 1]
    logit: float  # the network's raw output
    reasons: tuple[str, ...] = ()
    # Distance to the training faces; None where the bundle has no measure of it.
    unfamiliarity: float | None = None


@dataclass(frozen=True)
class Prediction:
    """What we say about one image."""

    path: str  # as it was given
    sha256: str  # of the file's bytes
    verdict: verdict.Word  # `fake`, `real` or `inconclusive`, see `verdict.combine`
    p_fake: float  # probability of *fake* in [0, 1]; the largest of its faces
    logit: float  # the network's raw output for that face
    reasons: tuple[str, ...] = ()
    # One entry a face, the largest first; empty where none was looked for or found.
    faces: tuple[FacePrediction, ...] = ()
    # Distance to the training faces of that face; None where the bundle has no measure of it.
    unfamiliarity: float | None = None


@dataclass(frozen=True)
class Failure:
    """An image that could not be judged, and the sentence that says why."""

    path: str
    error: str


def hindrances(
    view: View, unfamiliarity: float | None, calibration: Calibration | None
) -> tuple[str, ...]:
    """Return why a view cannot be judged, codes out of `verdict.REASONS`; often none."""
    reasons = view.reasons
    if calibration is not None:
        if not reasons and min(view.box[2:]) < calibration.smallest_side:
            reasons = (verdict.FACE_TOO_SMALL,)
        if calibration.is_unfamiliar(unfamiliarity):
            reasons = (*reasons, verdict.UNFAMILIAR)
    return reasons


def judge(view: View, output: Output, calibration: Calibration | None) -> Verdict:
    """Judge one view by what the network says of it."""
    reasons = hindrances(view, output.unfamiliarity, calibration)
    decided = verdict.decide(output.logit, calibration, reasons)
    if any(verdict.decide(logit, calibration, reasons) != decided for logit in output.again):
        return verdict.decide(output.logit, calibration, (*decided.reasons, verdict.UNSTABLE))
    return decided


def put_together(
    path: str,
    sha256: str,
    views: Sequence[View],
    outputs: Sequence[Output],
    calibration: Calibration | None,
) -> Prediction:
    """Say of an image what follows from its views, at least one, and their outputs."""
    verdicts = [judge(*both, calibration) for both in zip(views, outputs, strict=True)]
    decided = verdict.combine(verdicts, [output.logit for output in outputs], calibration)
    highest = max(outputs, key=lambda output: output.logit)
    faces = tuple(
        FacePrediction(
            box=view.face.box,
            score=view.face.score,
            landmarks=tuple((float(x), float(y)) for x, y in view.face.landmarks),
            verdict=said.word,
            p_fake=output.p_fake,
            logit=output.logit,
            reasons=said.reasons,
            unfamiliarity=output.unfamiliarity,
        )
        for view, output, said in zip(views, outputs, verdicts, strict=True)
        if view.face is not None
    )
    return Prediction(
        path,
        sha256,
        decided.word,
        highest.p_fake,
        highest.logit,
        decided.reasons,
        faces,
        highest.unfamiliarity,
    )
