"""What is asked: by whom, with which files and fields, and how that is documented."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from app import judging, uploads
from app.judging import Asked
from app.problems import Problem, documented
from app.service import Service
from app.uploads import Form, Upload
from src.detector.framing import FACES

JUDGED = (FACES, "auto")
FILE_PROBLEMS = documented(400, 401, 403, 408, 409, 413, 415, 422, 429, 500, 503, 504)
PLAIN_PROBLEMS = documented(400, 401, 500)


async def get_service(request: Request) -> Service:
    """Return the service of a request."""
    return request.app.state.service


def authorization_of(request: Request) -> str:
    """Return what a request says about who sends it."""
    return request.headers.get("authorization", "")


Serving = Annotated[Service, Depends(get_service)]
BEARER = HTTPBearer(auto_error=False, description="An API key.")


async def admit(request: Request, service: Serving) -> None:
    """Let in whoever has a key with something left, before anything of the body is read."""
    service.admit(authorization_of(request), 1 if request.method == "POST" else 0)


def content(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Return how an answer that is no JSON is documented."""
    return {200: {"content": {media_type: {} for media_type in media_types}}}


def documented_form(several: bool = False, **fields: tuple[tuple[str, ...], str]) -> dict[str, Any]:
    """Return how a form is documented: its files, and fields with their choices and default."""
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    name = "files" if several else "file"
    # How many there may be, the settings say, and `GET /` with them.
    files = {"type": "array", "items": file, "minItems": 1}
    known: dict[str, Any] = {name: files if several else file}
    for field, (choices, default) in fields.items():
        known[field] = {"type": "string", "enum": list(choices), "default": default}
    schema = {"type": "object", "properties": known, "required": [name]}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }


@asynccontextmanager
async def asked(request: Request, service: Service) -> AsyncIterator[tuple[Form, Asked]]:
    """Read a form with one image, and hold a place of the queue, for somebody who may send it."""
    async with taken_in(request, service, service.settings.max_bytes, 1) as form:
        if not form.files:
            raise Problem(400, "no_file", "Expected one file in the form field `file`.")
        start, faces = time.perf_counter(), faces_of(form, service)
        async with service.queue.place(service.settings.deadline):
            yield form, await wanted(service, form.files[0], faces, start)


async def wanted(service: Service, upload: Upload, faces: str, start: float) -> Asked:
    """Return what is asked of an image; see `Asked`.

    Raises:
        Problem: it is empty or too large.
    """
    limit = service.settings.max_bytes
    if not upload.data:
        raise Problem(400, "no_file", "The file is empty (0 bytes).")
    if len(upload.data) > limit:
        raise Problem(413, "too_large", f"The file is larger than {limit / 1e6:g} MB.")
    sha256 = await service.queue.run(judging.digest, upload.data)
    return Asked(upload.name, upload.data, sha256, faces, start)


def taken_in(
    request: Request, service: Service, limit: int, max_files: int
) -> AbstractAsyncContextManager[Form]:
    """Read a form with files, from somebody who may send them."""
    # Before the body is read: whoever is turned away has cost next to nothing.
    service.queue.require_free()
    deadline = service.settings.deadline
    return uploads.reading(
        request, service.held, limit=limit, max_files=max_files, deadline=deadline
    )


def field_of(form: Form, name: str, choices: tuple[str, ...], default: str) -> str:
    """Return what a field of a form says.

    Raises:
        Problem: it is none of the choices.
    """
    value = form.fields.get(name, default)
    if value not in choices:
        detail = f"{name}: expected one of {', '.join(choices)}, got {value[:40]!r}."
        raise Problem(400, "bad_field", detail)
    return value


def faces_of(form: Form, service: Service) -> str:
    """Return which faces are to be judged.

    Raises:
        Problem: it is unknown, or asks for what the detector has not.
    """
    faces = field_of(form, "faces", FACES, "auto")
    if faces not in service.faces:
        detail = f"This detector judges whole images; faces: expected {', '.join(service.faces)}."
        raise Problem(409, "no_framing", detail)
    return faces
