"""Explain verdicts in words, apart from the judging: nobody's verdict waits for an explanation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from app.answers import Box, Word
from app.judging import UPLOAD, Asked, Remembered
from app.problems import busy
from app.settings import Settings
from src import explain
from src.detector.detector import Detector
from src.detector.prediction import Judgement
from src.explain import Explanation
from src.explaining import provenance

log = logging.getLogger(__name__)

Returned = TypeVar("Returned")
# Texts that a language model writes at a time; whoever comes then gets the text from templates.
WRITERS = 4
# Of the places of the queue, one in so many may be an explanation: the others are for verdicts.
SHARE = 4

EXAMPLE: dict[str, Any] = {
    "verdict": "fake",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "explanation": "The detector calls this picture fake.",
    "sentences": [
        {
            "text": "The detector calls this picture fake.",
            "citations": ["verdict"],
            "part": "verdict",
        }
    ],
    "measurements": {
        "verdict": {
            "value": "fake",
            "sentence": "The detector calls this picture fake.",
            "brief": "verdict: fake",
        }
    },
    "notes": {},
    "source": "template",
    "removed": 0,
}


class Sentence(BaseModel):
    """A sentence, and what it rests on."""

    text: str
    citations: list[str] = Field(min_length=1, description="Ids of measurements and notes.")
    part: explain.Part = Field(description="The paragraph that it belongs to.")


class Measured(BaseModel):
    """Something that was measured of the image."""

    value: Any = Field(description="For programs.")
    sentence: str
    brief: str = Field(description="The same in a few words.")
    box: Box | None = Field(
        default=None,
        description="Left, top, width and height in pixels of the upright image, where it is about "
        "a part.",
    )


class Cited(BaseModel):
    """A note from research: one claim with its source."""

    title: str
    text: str
    source: str
    url: str = Field(description="Where the source is found.")


class Explained(BaseModel):
    """Why an image is judged as it is, every sentence with what it rests on."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    verdict: Word
    sha256: str
    explanation: str = Field(description="The sentences as paragraphs, without citations.")
    sentences: list[Sentence]
    measurements: dict[str, Measured]
    notes: dict[str, Cited]
    source: Literal["template", "llm"] = Field(description="Who chose the sentences.")
    removed: int = Field(ge=0, description="Sentences of a language model that were none of ours.")

    @classmethod
    def of(cls, said: Explanation) -> Explained:
        """Return what is answered of an explanation; why no model was used goes to the log."""
        return cls.model_validate(said.to_dict())


class Explaining:
    """Explains one image at a time, on a thread of its own.

    Args:
        detector: judges.
        settings: of the service.

    Raises:
        InputError: the list of trusted roots cannot be used.
    """

    def __init__(self, detector: Detector, settings: Settings) -> None:
        self._detector, self._endpoint = detector, settings.endpoint
        self._trust_anchors = settings.trust_anchors
        provenance.require_anchors(settings.trust_anchors)
        self._most, self._inside = max(1, settings.places // SHARE), 0
        self.remembered = Remembered[Explanation](settings.remembered)
        self._explainer = ThreadPoolExecutor(1, "explain")
        self._writers, self._writing = ThreadPoolExecutor(WRITERS, "reword"), 0

    async def warm_up(self) -> None:
        """Index the notes, before the first explanation gets its turn on the same thread."""
        await _run(self._explainer, explain.our_notes)

    def stop(self) -> None:
        """Stop; whoever held a place has been answered already."""
        for pool in (self._explainer, self._writers):
            pool.shutdown(wait=False, cancel_futures=True)

    async def run(self, function: Callable[[], Returned]) -> Returned:
        """Call a function that explains, one at a time; whoever asks holds a place of the queue.

        Raises:
            Problem: too many explanations are under way.
        """
        if self._inside >= self._most:
            raise busy("Too many explanations are under way; try again soon.")
        self._inside += 1
        try:
            return await _run(self._explainer, function)
        finally:
            self._inside -= 1

    def explain(self, asked: Asked, image: np.ndarray, judgement: Judgement) -> Explanation:
        """Explain an image, `(H, W, 3)` uint8 RGB, by what was said of it."""
        return explain.explain(
            asked.data,
            UPLOAD,
            self._detector,
            trust_anchors=self._trust_anchors,
            judged=(image, judgement),
        )

    async def reword(self, said: Explanation, faces: str) -> Explanation:
        """Let the language model of the settings word an explanation, where there is one.

        It takes as long as the model takes, so nobody holds a place meanwhile.
        """
        if self._endpoint is None or said.source == "llm":
            return said
        if self._writing >= WRITERS:
            log.info("written from templates: the language model has enough to do")
            return said
        self._writing += 1
        try:
            better = await _run(self._writers, explain.reword, said, self._endpoint)
        finally:
            self._writing -= 1
        if better.remark is not None:
            log.warning("written from templates: %s", better.remark)
        if better.source == "llm":
            self.remembered.keep((said.measured.prediction.sha256, faces), better)
        return better


async def _run(pool: ThreadPoolExecutor, function: Callable[..., Returned], *args: Any) -> Returned:
    return await asyncio.get_running_loop().run_in_executor(pool, function, *args)
