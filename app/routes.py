"""The routes: what can be asked, and by whom."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from app import answers, drawing
from app.explaining import Explained
from app.problems import Problem, documented, fault
from app.requests import (
    FILE_PROBLEMS,
    JUDGED,
    PLAIN_PROBLEMS,
    Serving,
    asked,
    authorization_of,
    content,
    documented_form,
    faces_of,
    field_of,
    taken_in,
    wanted,
)
from app.settings import FILES_AT_ONCE
from app.uploads import Upload
from src.gradcam import TARGETS

log = logging.getLogger(__name__)

# For everybody, and for those with a key where the service has keys.
everybody, keyed = APIRouter(), APIRouter()


@keyed.post(
    "/predict",
    responses=FILE_PROBLEMS,
    openapi_extra=documented_form(faces=JUDGED),
)
async def predict(request: Request, service: Serving) -> answers.Answer:
    """Judge one image."""
    async with asked(request, service) as (_, image):
        return service.answer(await service.judge(image), image.start)


@keyed.post(
    "/predict/batch",
    responses=FILE_PROBLEMS,
    openapi_extra=documented_form(several=True, faces=JUDGED),
)
async def predict_batch(request: Request, service: Serving) -> answers.Batch:
    """Judge many images; each gets its answer or its problem, whatever comes of the others."""
    settings = service.settings
    some = asyncio.Semaphore(FILES_AT_ONCE)

    async def one(upload: Upload, faces: str) -> answers.Entry:
        start = time.perf_counter()
        try:
            async with some, service.queue.place(settings.deadline, wait=True):
                judgement = await service.judge(await wanted(service, upload, faces, start))
        except Problem as refused:
            problem = refused
        except Exception:  # the others of the batch shall have their answers
            log.exception("one file of a batch")
            problem = fault()
        else:
            return answers.Entry(name=upload.name, answer=service.answer(judgement, start))
        service.metrics.rejects.labels(problem.code).inc()
        return answers.Entry(name=upload.name, problem=problem.document)

    async with taken_in(request, service, settings.max_batch_bytes, settings.max_files) as form:
        if not form.files:
            raise Problem(400, "no_file", "Expected files in the form field `files`.")
        faces = faces_of(form, service)
        service.overdraw(authorization_of(request), len(form.files) - 1)
        results = await asyncio.gather(*(one(upload, faces) for upload in form.files))
        return answers.Batch(results=results)


@keyed.post(
    "/explain",
    responses=FILE_PROBLEMS,
    openapi_extra=documented_form(faces=JUDGED),
)
async def explain(request: Request, service: Serving) -> Explained:
    """Say in words why one image is judged as it is, every sentence with what it rests on."""
    async with asked(request, service) as (_, image):
        explained = await service.explain(image)
    return Explained.of(await service.explaining.reword(explained, image.faces))


@keyed.post(
    "/gradcam",
    response_class=Response,
    responses=content("image/png") | FILE_PROBLEMS,
    openapi_extra=documented_form(faces=JUDGED, target=(TARGETS, "verdict")),
)
async def gradcam(request: Request, service: Serving) -> Response:
    """Draw the evidence over one image; a PNG of at most 2,048 pixels a side, plus its scale."""
    async with asked(request, service) as (form, image):
        target = field_of(form, "target", TARGETS, "verdict")
        _, drawn = await service.look(image, partial(drawing.overlay, target=target))
        return Response(drawn, media_type="image/png")


@keyed.post(
    "/report",
    response_class=HTMLResponse,
    responses=FILE_PROBLEMS,
    openapi_extra=documented_form(faces=JUDGED),
)
async def report(request: Request, service: Serving) -> HTMLResponse:
    """Report on one image: a page that stands alone and can be printed."""
    async with asked(request, service) as (_, image):
        judgement, explained, drawn = await service.report(image)
    explained = await service.explaining.reword(explained, image.faces)
    written = await service.queue.run(
        drawing.report, drawn, image.name, judgement, explained, service.status
    )
    return HTMLResponse(written, headers=service.pages.report_headers)


@everybody.head("/", include_in_schema=False, response_model=None)
@everybody.get(
    "/",
    response_model=answers.Status,
    responses=content("text/html") | documented(400),
)
async def index(request: Request, service: Serving) -> Response | answers.Status:
    """Return the page to browsers, and the service's status to everybody else."""
    if "text/html" in request.headers.get("accept", ""):
        return service.pages.get("index.html")
    return JSONResponse(service.status.model_dump(), headers={"Vary": "Accept"})


@everybody.get("/web/{name}", include_in_schema=False)
async def web(name: str, service: Serving) -> Response:
    """Return a file of the page."""
    return service.pages.get(name)


@everybody.head("/health", include_in_schema=False)
@everybody.get("/health", responses=documented(400))
async def health() -> answers.Health:
    """Say that the service is alive."""
    return answers.Health(status="alive")


@everybody.get("/ready", responses=documented(400, 503))
async def ready(service: Serving) -> answers.Health:
    """Say whether the detector is loaded and has judged once."""
    if not service.ready:
        raise Problem(503, "not_ready", "The detector is warming up.", retry_after=1)
    return answers.Health(status="ready")


@keyed.get(
    "/card",
    response_class=Response,
    responses=content("application/json") | PLAIN_PROBLEMS,
)
async def card(service: Serving) -> Response:
    """Return the detector's card, as it stands in its bundle."""
    return Response(service.card, media_type="application/json")


@keyed.get(
    "/metrics",
    response_class=Response,
    responses=content("text/plain") | PLAIN_PROBLEMS,
)
async def metrics(service: Serving) -> Response:
    """Return counters for Prometheus."""
    return Response(service.metrics.text(), media_type=service.metrics.media_type)


@keyed.get("/history", responses=PLAIN_PROBLEMS | documented(404, 503))
async def history(
    service: Serving,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
) -> answers.History:
    """Return the verdicts that were given, the latest first; `before` an `id` for the next."""
    if service.history is None:
        raise Problem(404, "no_history", "No history is kept; start with `--history PATH`.")
    found = await service.queue.run(service.history.latest, limit, before)
    return answers.History(verdicts=found)
