"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from app.metrics import Metrics
from src.data import footage, pixels

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# By what is wrong with an image or a video; anything else is damage.
OF_CONTENT: dict[type[Exception], tuple[int, str]] = {
    pixels.NotAnImage: (415, "not_an_image"),
    pixels.TooManyPixels: (413, "too_many_pixels"),
    footage.NotAVideo: (415, "not_a_video"),
    footage.TooLong: (413, "too_long"),
    footage.TooManyPixels: (413, "too_many_pixels"),
}


class Document(BaseModel):
    """What went wrong, for programs and for people."""

    type: str = Field(default="about:blank", description="Always this; `code` tells them apart.")
    title: str = Field(description="The name of the status.", examples=["Content Too Large"])
    status: int = Field(examples=[413])
    detail: str = Field(description="One sentence for people.")
    code: str = Field(description="A word for programs.", examples=["too_large"])


class Problem(Exception):
    """A request that is not answered as it was meant to be.

    Args:
        status: of HTTP.
        code: a word for programs; the page has its sentences by it.
        detail: one sentence that says what was expected, what came and what to do.
        retry_after: seconds after which it may go better.
        headers: more of them.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    @property
    def document(self) -> Document:
        """It as a document."""
        title = HTTPStatus(self.status).phrase
        return Document(title=title, status=self.status, detail=self.detail, code=self.code)

    @property
    def response(self) -> JSONResponse:
        """It as an answer."""
        return JSONResponse(
            self.document.model_dump(), self.status, self.headers, media_type=MEDIA_TYPE
        )


def busy(detail: str) -> Problem:
    """Return what is said when everything that can be held at a time is."""
    return Problem(503, "busy", detail, retry_after=1)


def fault() -> Problem:
    """Return what is said where the service itself is wrong; its log has the traceback."""
    return Problem(500, "fault", "The service has a fault; its log says which.")


def of_content(error: pixels.ImageError | footage.VideoError, detail: str) -> Problem:
    """Return what is said of an image or a video that cannot be judged."""
    status, code = OF_CONTENT.get(type(error), (422, "undecodable"))
    return Problem(status, code, detail)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how an operation documents its problems in OpenAPI."""
    content = {MEDIA_TYPE: {"schema": Document.model_json_schema()}}
    retry = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": content,
            **({"headers": retry} if status in (429, 503, 504) else {}),
        }
        for status in statuses
    }


def install(app: FastAPI, metrics: Metrics) -> None:
    """Answer what is refused with a problem document, and count it; faults see `guard.Faults`."""

    def counted(problem: Problem) -> JSONResponse:
        metrics.rejects.labels(problem.code).inc()
        return problem.response

    async def problem(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return counted(error)

    async def routing(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = {404: "not_found", 405: "not_allowed"}.get(error.status_code, "refused")
        return counted(Problem(error.status_code, code, error.detail, headers=error.headers))

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = " ".join(str(part) for part in first["loc"])
        return counted(Problem(400, "bad_request", f"{place}: {first['msg']}"))

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, routing)
    app.add_exception_handler(RequestValidationError, invalid)
