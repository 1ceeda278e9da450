"""The route of videos: what is said of one, drawn over time, or drawn into the video."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import IO, Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from app import drawing, uploads
from app.clips import Clip
from app.problems import Problem
from app.requests import (
    FILE_PROBLEMS,
    JUDGED,
    Serving,
    authorization_of,
    content,
    documented_form,
    faces_of,
    field_of,
)
from app.service import Service
from app.uploads import Form, Stored

# For those with a key where the service has keys.
filmed = APIRouter()

Returned = TypeVar("Returned")

# Seconds after which it is looked whether whoever waits for a video is still there.
LOOK = 1.0
# Bytes of a drawn video that are in memory at a time.
CHUNK = 1 << 20
# What may be asked for of a video: what is said, the same over time, or the video with heatmaps.
ANSWERS = {"json": "application/json", "png": "image/png", "webm": "video/webm"}


@filmed.post(
    "/video",
    response_model=Clip,
    responses=content("image/png", "video/webm") | FILE_PROBLEMS,
    openapi_extra=documented_form(faces=JUDGED, answer=(tuple(ANSWERS), "json")),
)
async def video(request: Request, service: Serving) -> Response | Clip:
    """Judge the persons in one video over time; draw that, or the video with its heatmaps."""
    async with _video(request, service) as (form, stored):
        start = time.perf_counter()
        faces = faces_of(form, service)
        wanted = field_of(form, "answer", tuple(ANSWERS), "json")

        async def judged() -> Response | Clip:
            clip = await service.judge_video(stored.file, faces)
            service.overdraw(authorization_of(request), clip.sampled - 1)
            if wanted == "json":
                return service.answer_video(clip, stored.name, start)
            if wanted == "png":
                drawn = await service.queue.run(drawing.timeline, clip)
                return Response(drawn, media_type=ANSWERS[wanted])
            film = await service.videos.draw(stored.file, clip)
            return StreamingResponse(_chunks(film), media_type=ANSWERS[wanted])

        deadline = service.settings.video_deadline
        async with service.queue.place(deadline), service.videos.place():
            return await _unless_gone(request, judged())


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


@asynccontextmanager
async def _video(request: Request, service: Service) -> AsyncIterator[tuple[Form, Stored]]:
    """Read a form with one video, on the disk, from somebody who may send it."""
    settings = service.settings
    # As for images: no upload keeps others away before it is there.
    service.queue.require_free()
    service.videos.require_free()
    async with uploads.reading(
        *(request, service.stored),
        limit=settings.max_video_bytes,
        max_files=1,
        deadline=settings.video_deadline,
        stored=True,
    ) as form:
        if not form.stored:
            raise Problem(400, "no_file", "Expected one video in the form field `file`.")
        if form.stored[0].bytes > settings.max_video_bytes:
            limit = settings.max_video_bytes / 1e6
            raise Problem(413, "too_large", f"The file is larger than {limit:g} MB.")
        yield form, form.stored[0]


async def _unless_gone(request: Request, story: Coroutine[Any, Any, Returned]) -> Returned:
    """Return what comes of a long story, and end it where nobody waits for it any more."""
    task = asyncio.ensure_future(story)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=LOOK)
            if await request.is_disconnected():
                raise Problem(400, "gone", "The client went away before its answer was there.")
        return task.result()
    finally:
        task.cancel()
