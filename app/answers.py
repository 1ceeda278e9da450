"""What the service answers, as types: the source of its OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.problems import Document
from src.detector.calibration import Promise
from src.detector.prediction import Judgement, Part

Word = Literal["fake", "real", "inconclusive"]
Label = Literal["Fake", "Real", "Inconclusive"]
LABELS: dict[str, Label] = {"fake": "Fake", "real": "Real", "inconclusive": "Inconclusive"}
Box = tuple[float, float, float, float]
# Far below what two engines differ by.
DIGITS = 6

EXAMPLE: dict[str, Any] = {
    "label": "Fake",
    "confidence": 0.973,
    "p_fake": 0.973,
    "verdict": "fake",
    "reasons": [],
    "faces": [
        {
            "box": [61.0, 40.0, 128.0, 163.0],
            "region": [20, 12, 212, 212],
            "p_fake": 0.973,
            "verdict": "fake",
            "reasons": [],
            "logit": 3.6,
            "bias": 0.4,
            "evidence": [[0.9, 0.7], [0.6, 1.0]],
        }
    ],
    "width": 256,
    "height": 256,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "model": {"name": "starter", "version": "0123456789ab"},
    "milliseconds": 41.7,
}
_RATE: dict[str, Any] = {
    "rate": 0.01,
    "bound": 0.0188,
    "count": 499,
    "source": "dfdc224",
    "sentence": "On average over calibration sets at most 1.0% of real faces are called fake; with "
    "this one less than 1.9%, with 95 % confidence. It rests on 499 real faces of dfdc224 and "
    "holds for faces like them.",
}
STATUS_EXAMPLE: dict[str, Any] = {
    "service": "deepfake-detector",
    "version": "0.1.0",
    "ready": True,
    "model": EXAMPLE["model"],
    "engine": "onnx",
    "precision": "float16",
    "drawn_sample": False,
    "calibration": {
        "t_real": 0.12,
        "t_fake": 0.94,
        "false_fake": _RATE,
        "false_real": {
            **_RATE,
            "sentence": "On average over calibration sets at most 1.0% of fakes are called real; "
            "with this one less than 1.9%, with 95 % confidence. It rests on 499 fakes of dfdc224 "
            "and holds for faces like them.",
        },
        "true_fake": 0.62,
    },
    "faces": ["auto", "largest", "all", "off"],
    "reasons": {"no_face": "No face was found; this is the score of the whole picture."},
    "limits": {
        "bytes": 20_000_000,
        "pixels": 50_000_000,
        "files": 32,
        "deadline": 30.0,
        "video_bytes": 200_000_000,
        "video_seconds": 600.0,
    },
    "key": False,
    "history": True,
}
BATCH_EXAMPLE: dict[str, Any] = {
    "results": [
        {"name": "face.jpg", "answer": EXAMPLE},
        {
            "name": "notes.txt",
            "problem": {
                "type": "about:blank",
                "title": "Unsupported Media Type",
                "status": 415,
                "detail": "notes.txt: not an image of a format that is read",
                "code": "not_an_image",
            },
        },
    ]
}
HISTORY_EXAMPLE: dict[str, Any] = {
    "verdicts": [
        {
            "id": 1,
            "time": "2026-01-31T12:00:00+00:00",
            "sha256": EXAMPLE["sha256"],
            "verdict": "fake",
            "p_fake": 0.973,
            "model": "0123456789ab" + 52 * "0",
        }
    ]
}


class Model(BaseModel):
    """The detector that judged."""

    name: str
    version: str = Field(description="The start of the SHA-256 of its card and its weights.")


class Region(BaseModel):
    """A part of the image that was judged."""

    region: Box = Field(
        description="What was judged, which the evidence covers: left, top, width and height in "
        "pixels of the upright image."
    )
    p_fake: float = Field(ge=0, le=1, description="Calibrated probability of fake.")
    verdict: Word
    reasons: list[str] = Field(description="Codes; `GET /` has their sentences.")
    logit: float = Field(description="The sum of the evidence and the bias.")
    bias: float
    evidence: list[list[float]] = Field(
        description="Rows from top to bottom; positive pushes towards fake, negative to real."
    )

    @staticmethod
    def fields(part: Part) -> dict[str, Any]:
        """Return the fields of a part."""
        said = part.output
        return {
            "region": part.view.box,
            "p_fake": said.p_fake,
            "verdict": part.verdict.word,
            "reasons": list(part.verdict.reasons),
            "logit": round(said.logit, DIGITS),
            "bias": round(said.bias, DIGITS),
            "evidence": said.evidence.astype(float).round(DIGITS).tolist(),
        }


class Face(Region):
    """One face."""

    box: Box = Field(
        description="The face: left, top, width and height in pixels of the upright image; it may "
        "stick out of it."
    )


class Answer(BaseModel):
    """What is said of one image."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    label: Label
    confidence: float = Field(
        ge=0,
        le=1,
        description="Probability of the label; for Inconclusive the larger of p_fake and "
        "1 - p_fake.",
    )
    p_fake: float = Field(ge=0, le=1, description="Calibrated probability of fake.")
    verdict: Word
    reasons: list[str] = Field(description="Codes; `GET /` has their sentences.")
    faces: list[Face] = Field(description="The largest first.")
    whole: Region | None = Field(
        default=None, description="The image as a whole, where no face was looked for or found."
    )
    width: int = Field(description="Of the upright image in pixels.")
    height: int = Field(description="Of the upright image in pixels.")
    sha256: str
    model: Model
    milliseconds: float = Field(ge=0, description="From the end of the upload to the answer.")


class Entry(BaseModel):
    """One file of a batch: its answer, or its problem."""

    name: str
    answer: Answer | None = None
    problem: Document | None = None


class Batch(BaseModel):
    """The files of a batch, in order."""

    model_config = ConfigDict(json_schema_extra={"examples": [BATCH_EXAMPLE]})

    results: list[Entry]


class Rate(BaseModel):
    """An error rate that is promised; see `GET /card`."""

    rate: float = Field(description="At most, on average over calibration sets.")
    bound: float = Field(description="Less than this with 95 % confidence.")
    count: int = Field(description="Images behind it.")
    source: str
    sentence: str

    @classmethod
    def of(cls, promise: Promise, who: str, called: str) -> Rate:
        """Return a promise with its sentence."""
        sentence = promise.sentence(who, called)
        return cls(
            rate=promise.rate,
            bound=promise.bound,
            count=promise.count,
            source=promise.source,
            sentence=sentence,
        )


class Calibrated(BaseModel):
    """What the detector's calibration says."""

    t_real: float = Field(description="A p_fake below it is real.")
    t_fake: float = Field(description="A p_fake above it is fake.")
    false_fake: Rate = Field(description="Real faces that are called fake.")
    false_real: Rate = Field(description="Fakes that are called real.")
    true_fake: float = Field(
        description="Share of the calibration fakes that are called fake, of the source with the "
        "fewest."
    )


class Limits(BaseModel):
    """What is taken in."""

    bytes: int
    pixels: int
    files: int
    deadline: float
    video_bytes: int
    video_seconds: float


class Status(BaseModel):
    """The service and its detector, for clients that do not ask for HTML."""

    model_config = ConfigDict(json_schema_extra={"examples": [STATUS_EXAMPLE]})

    service: str
    version: str
    ready: bool
    model: Model
    engine: str
    precision: str
    drawn_sample: bool = Field(description="It learnt from the drawn sample, no real deepfakes.")
    calibration: Calibrated | None
    faces: list[str] = Field(description="What the form field `faces` may say.")
    reasons: dict[str, str] = Field(description="What the codes mean.")
    limits: Limits
    key: bool = Field(description="Whether an API key is needed.")
    history: bool


class Health(BaseModel):
    """Whether it is alive, or ready."""

    status: Literal["alive", "ready"]


class Past(BaseModel):
    """A verdict of the history."""

    id: int
    time: str = Field(description="UTC, ISO 8601.")
    sha256: str
    verdict: Word
    p_fake: float
    model: str = Field(description="SHA-256 of the detector's card and weights.")


class History(BaseModel):
    """Verdicts, the latest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [HISTORY_EXAMPLE]})

    verdicts: list[Past]


def answer(judgement: Judgement, model: Model, milliseconds: float) -> Answer:
    """Return what is answered of a judgement."""
    said = judgement.prediction
    likelier = max(said.p_fake, 1 - said.p_fake)
    confidence = {"fake": said.p_fake, "real": 1 - said.p_fake, "inconclusive": likelier}
    width, height = judgement.size
    whole = [part for part in judgement.parts if part.view.face is None]
    return Answer(
        label=LABELS[said.verdict],
        confidence=confidence[said.verdict],
        p_fake=said.p_fake,
        verdict=said.verdict,
        reasons=list(said.reasons),
        faces=[
            Face(box=part.view.face.box, **Region.fields(part))
            for part in judgement.parts
            if part.view.face is not None
        ],
        whole=Region(**Region.fields(whole[0])) if whole else None,
        width=width,
        height=height,
        sha256=said.sha256,
        model=model,
        milliseconds=round(milliseconds, 1),
    )
