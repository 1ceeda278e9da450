"""What the service answers about a video, as types: what `deepfake video` writes, and a little."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.answers import Box, Model, Word
from src import video
from src.detector import clip

EXAMPLE: dict[str, Any] = {
    "path": "clip.mp4",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "verdict": "fake",
    "reasons": [],
    "calibration": video.ON_STILLS,
    "duration": 1.0,
    "sampled": 2,
    "frames": 25,
    "tracks": [
        {
            "id": 1,
            "verdict": "fake",
            "p_fake": 0.973,
            "reasons": [],
            "stretches": [{"start": 0.24, "end": 0.72}],
            "moments": [{"start": 0.24, "end": 0.24, "share": 0.52}],
            "frames": [
                {"time": 0.24, "box": [61.0, 40.0, 128.0, 163.0], "p_fake": 0.981},
                {"time": 0.72, "box": [66.0, 41.0, 127.0, 162.0], "p_fake": 0.962},
            ],
        }
    ],
    "model": {"name": "detector", "version": "0123456789ab"},
    "milliseconds": 412.6,
}


class Stretch(BaseModel):
    """A time in which a person was there."""

    start: float = Field(description="Of its first frame, in seconds.")
    end: float = Field(description="Of its last frame, in seconds.")


class Moment(Stretch):
    """A stretch of time that speaks strongly for the likelier answer."""

    share: float = Field(gt=0, le=1, description="Of all that speaks for that answer.")


class Sighting(BaseModel):
    """A person in one frame."""

    time: float = Field(description="When the frame is shown, in seconds, as the stream says.")
    box: Box = Field(
        description="The face: left, top, width and height in pixels of the upright frame; the "
        "whole frame where no face was looked for."
    )
    p_fake: float = Field(ge=0, le=1)


class Track(BaseModel):
    """One person, from the first frame to the last."""

    id: int = Field(ge=1, description="In order of appearance.")
    verdict: Word
    p_fake: float = Field(ge=0, le=1, description="Calibrated as `calibration` of the clip says.")
    reasons: list[str] = Field(description="Codes; `GET /` has their sentences.")
    stretches: list[Stretch] = Field(
        description="From when to when the person was there, by the frames that were looked at; "
        "whoever is missing in one of them still is."
    )
    moments: list[Moment] = Field(description="What carries it.")
    frames: list[Sighting]


class Clip(BaseModel):
    """What is said of one video."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    path: str = Field(description="The name that the upload came with.")
    sha256: str
    verdict: Word = Field(description="Over all persons, as over several faces in one image.")
    reasons: list[str] = Field(description="Codes; `GET /` has their sentences.")
    calibration: str = Field(description="What the error rates rest on, a sentence.")
    duration: float = Field(ge=0, description="In seconds.")
    sampled: int = Field(ge=1, description="Frames that were looked at.")
    frames: int = Field(ge=1, description="Frames that there are.")
    tracks: list[Track] = Field(description="One a person; empty where no face was found.")
    model: Model
    milliseconds: float = Field(ge=0, description="From the end of the upload to the answer.")


def answer(said: clip.Clip, name: str, model: Model, milliseconds: float) -> Clip:
    """Return what is answered about a video that came under a name."""
    fields = said.to_dict() | {"path": name}
    return Clip(**fields, model=model, milliseconds=round(milliseconds, 1))
