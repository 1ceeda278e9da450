"""What a detector says of images, faces and files."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from src.data.faces import Face
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
    # `(h, w)` float32, signed; positive pushes towards fake. Its sum plus `bias` is the logit.
    evidence: np.ndarray = field(default_factory=lambda: np.zeros((1, 1), np.float32))
    bias: float = 0.0
    # `(C,)` float32, what a temporal head takes; None where the bundle has none.
    features: np.ndarray | None = None


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
        """Return what is said of each image."""
        known, features = self.unfamiliarity, self.features
        return [
            Output(
                float(self.logit[i]),
                float(self.p_fake[i]),
                unfamiliarity=None if known is None else float(known[i]),
                # Copied, because a row alone would keep the whole batch in memory.
                evidence=self.evidence[i].copy(),
                bias=float(self.bias[i]),
                features=None if features is None else features[i].copy(),
            )
            for i in range(len(self.logit))
        ]


@dataclass(frozen=True)
class Seen:
    """An image as the network gets it."""

    size: tuple[int, int]  # width and height of the upright image in pixels
    views: list[View]  # what is judged of it, the largest face first; at least one
    # `(S, S, 3)` uint8 RGB each; of one view after the other what `View.inputs` gives.
    inputs: list[np.ndarray]
    path: str = ""  # as it was given
    sha256: str = ""  # of the file's bytes


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


@dataclass(frozen=True)
class Part:
    """A view, and what is said of it."""

    view: View
    output: Output
    verdict: Verdict


@dataclass(frozen=True)
class Judgement:
    """What is said of an image, with the evidence for it, and without the image."""

    parts: tuple[Part, ...]  # one a view, at least one
    verdict: Verdict  # see `verdict.combine`
    size: tuple[int, int] = (0, 0)  # width and height of the upright image in pixels
    path: str = ""  # as it was given
    sha256: str = ""  # of the file's bytes

    @property
    def highest(self) -> int:
        """The number of the part whose score is that of the image."""
        logits = [part.output.logit for part in self.parts]
        return logits.index(max(logits))

    @property
    def prediction(self) -> Prediction:
        """The same without the evidence."""
        said = self.parts[self.highest].output
        return Prediction(
            self.path,
            self.sha256,
            self.verdict.word,
            said.p_fake,
            said.logit,
            self.verdict.reasons,
            tuple(_face(part, part.view.face) for part in self.parts if part.view.face),
            said.unfamiliarity,
        )


def _face(part: Part, face: Face) -> FacePrediction:
    return FacePrediction(
        box=face.box,
        score=face.score,
        landmarks=tuple((float(x), float(y)) for x, y in face.landmarks),
        verdict=part.verdict.word,
        p_fake=part.output.p_fake,
        logit=part.output.logit,
        reasons=part.verdict.reasons,
        unfamiliarity=part.output.unfamiliarity,
    )


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
    seen: Seen, outputs: Sequence[Output], calibration: Calibration | None
) -> Judgement:
    """Say of an image what follows from the outputs for its inputs."""
    each = len(outputs) // len(seen.views)
    parts = []
    for number, view in enumerate(seen.views):
        first, *others = outputs[number * each : (number + 1) * each]
        output = replace(first, again=tuple(other.logit for other in others)) if others else first
        parts.append(Part(view, output, judge(view, output, calibration)))
    decided = verdict.combine(
        [part.verdict for part in parts], [part.output.logit for part in parts], calibration
    )
    return Judgement(tuple(parts), decided, seen.size, seen.path, seen.sha256)
