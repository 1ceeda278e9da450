"""The routes: what can be asked, and by whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.security import HTTPBearer

from app import answers, drawing, uploads
from app.explaining import Explained
from app.judging import Judgement
from app.problems import Problem, documented
from app.service import Service
from app.settings import Settings
from app.uploads import Form, Upload
from src.detector.framing import FACES
from src.explain import Explanation
from src.gradcam import TARGETS

# For everybody, and for those with a key where the service has keys.
everybody, keyed = APIRouter(), APIRouter()

# Files of one batch that are decoded and judged at a time; the others leave room for others.
AT_ONCE = 8


async def get_service(request: Request) -> Service:
    """Return the service of a request."""
    return request.app.state.service


def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")


Serving = Annotated[Service, Depends(get_service)]
BEARER = HTTPBearer(auto_error=False, description="An API key.")


async def admit(request: Request, service: Serving) -> None:
    """Let in whoever has a key with something left, before anything of the body is read."""
    service.admit(_authorization(request), 1 if request.method == "POST" else 0)


def _content(media_type: str) -> dict[int | str, dict[str, Any]]:
    """Return how an answer that is no JSON is documented."""
    return {200: {"content": {media_type: {}}}}


def _several(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": Settings.max_files}


def _form(several: bool = False, **fields: tuple[tuple[str, ...], str]) -> dict[str, Any]:
    """Return how a form is documented: its files, and fields with their choices and default."""
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    name = "files" if several else "file"
    known: dict[str, Any] = {name: _several(file) if several else file}
    for field, (choices, default) in fields.items():
        known[field] = {"type": "string", "enum": list(choices), "default": default}
    schema = {"type": "object", "properties": known, "required": [name]}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }


JUDGED = (FACES, "auto")
IMAGE_PROBLEMS = documented(400, 401, 403, 408, 409, 413, 415, 422, 429, 500, 503, 504)
PLAIN_PROBLEMS = documented(400, 401, 500)


@asynccontextmanager
async def _upload(request: Request, service: Service) -> AsyncIterator[tuple[Form, Upload]]:
    """Read a form with one file, from somebody who may send it."""
    async with _taken_in(request, service, service.settings.max_bytes, 1) as form:
        if not form.files:
            raise Problem(400, "no_file", "Expected one file in the form field `file`.")
        yield form, form.files[0]


@asynccontextmanager
async def _taken_in(
    request: Request, service: Service, limit: int, max_files: int
) -> AsyncIterator[Form]:
    # Before the body is read: whoever is turned away has cost next to nothing.
    service.queue.require_free()
    deadline = service.settings.deadline
    async with uploads.reading(
        request, service.held, limit=limit, max_files=max_files, deadline=deadline
    ) as form:
        yield form


def _field(form: Form, name: str, choices: tuple[str, ...], default: str) -> str:
    value = form.fields.get(name, default)
    if value not in choices:
        detail = f"{name}: expected one of {', '.join(choices)}, got {value[:40]!r}."
        raise Problem(400, "bad_field", detail)
    return value


def _faces(form: Form, service: Service) -> str:
    faces = _field(form, "faces", FACES, "auto")
    if faces not in service.faces:
        detail = f"This detector judges whole images; faces: expected {', '.join(service.faces)}."
        raise Problem(409, "no_framing", detail)
    return faces


async def _judge(service: Service, upload: Upload, faces: str) -> Judgement:
    _require_size(service, upload)
    return await service.judge(upload.data, faces)


async def _explain(
    service: Service, upload: Upload, faces: str, judgement: Judgement
) -> Explanation:
    return await service.explaining.explain(upload.data, judgement.prediction.sha256, faces)


def _require_size(service: Service, upload: Upload) -> None:
    limit = service.settings.max_bytes
    if not upload.data:
        raise Problem(400, "no_file", "The file is empty (0 bytes).")
    if len(upload.data) > limit:
        raise Problem(413, "too_large", f"The file is larger than {limit / 1e6:g} MB.")


@keyed.post(
    "/predict",
    responses=IMAGE_PROBLEMS,
    openapi_extra=_form(faces=JUDGED),
)
async def predict(request: Request, service: Serving) -> answers.Answer:
    """Judge one image."""
    async with _upload(request, service) as (form, upload):
        start = time.perf_counter()
        faces = _faces(form, service)
        async with service.queue.place(service.settings.deadline):
            judgement = await _judge(service, upload, faces)
        return service.answer(judgement, start)


@keyed.post(
    "/predict/batch",
    responses=IMAGE_PROBLEMS,
    openapi_extra=_form(several=True, faces=JUDGED),
)
async def predict_batch(request: Request, service: Serving) -> answers.Batch:
    """Judge many images; each gets its answer or its problem, whatever comes of the others."""
    settings = service.settings
    some = asyncio.Semaphore(AT_ONCE)

    async def one(upload: Upload, faces: str) -> answers.Entry:
        start = time.perf_counter()
        try:
            async with some, service.queue.place(settings.deadline, wait=True):
                judgement = await _judge(service, upload, faces)
        except Problem as problem:
            service.metrics.rejects.labels(problem.code).inc()
            return answers.Entry(name=upload.name, problem=problem.document)
        return answers.Entry(name=upload.name, answer=service.answer(judgement, start))

    async with _taken_in(request, service, settings.max_batch_bytes, settings.max_files) as form:
        if not form.files:
            raise Problem(400, "no_file", "Expected files in the form field `files`.")
        faces = _faces(form, service)
        service.overdraw(_authorization(request), len(form.files) - 1)
        results = await asyncio.gather(*(one(upload, faces) for upload in form.files))
        return answers.Batch(results=results)


@keyed.post(
    "/explain",
    responses=IMAGE_PROBLEMS,
    openapi_extra=_form(faces=JUDGED),
)
async def explain(request: Request, service: Serving) -> Explained:
    """Say in words why one image is judged as it is, every sentence with what it rests on."""
    async with _upload(request, service) as (form, upload):
        faces = _faces(form, service)
        async with service.queue.place(service.settings.deadline):
            judgement = await _judge(service, upload, faces)
            explained = await _explain(service, upload, faces, judgement)
    return Explained.of(await service.explaining.reword(explained, faces))


@keyed.post(
    "/gradcam",
    response_class=Response,
    responses=_content("image/png") | IMAGE_PROBLEMS,
    openapi_extra=_form(faces=JUDGED, target=(TARGETS, "verdict")),
)
async def gradcam(request: Request, service: Serving) -> Response:
    """Draw the evidence over one image; a PNG of at most 2,048 pixels a side, plus its scale."""
    async with _upload(request, service) as (form, upload):
        faces = _faces(form, service)
        target = _field(form, "target", TARGETS, "verdict")
        async with service.queue.place(service.settings.deadline):
            judgement = await _judge(service, upload, faces)
            drawn = await service.queue.run(drawing.overlay, upload.data, judgement, target)
        return Response(drawn, media_type="image/png")


@keyed.post(
    "/report",
    response_class=HTMLResponse,
    responses=IMAGE_PROBLEMS,
    openapi_extra=_form(faces=JUDGED),
)
async def report(request: Request, service: Serving) -> HTMLResponse:
    """Report on one image: a page that stands alone and can be printed."""
    async with _upload(request, service) as (form, upload):
        faces = _faces(form, service)
        async with service.queue.place(service.settings.deadline):
            judgement = await _judge(service, upload, faces)
            explained = await _explain(service, upload, faces, judgement)
            drawn = await service.queue.run(drawing.overlay, upload.data, judgement, "verdict")
        explained = await service.explaining.reword(explained, faces)
        written = await service.queue.run(
            drawing.report, drawn, upload.name, judgement, explained, service.status
        )
        return HTMLResponse(written, headers=service.pages.report_headers)


@everybody.get(
    "/",
    response_model=answers.Status,
    responses=_content("text/html") | documented(400),
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
    responses=_content("application/json") | PLAIN_PROBLEMS,
)
async def card(service: Serving) -> Response:
    """Return the detector's card, as it stands in its bundle."""
    return Response(service.card, media_type="application/json")


@keyed.get(
    "/metrics",
    response_class=Response,
    responses=_content("text/plain") | PLAIN_PROBLEMS,
)
async def metrics(service: Serving) -> Response:
    """Return counters for Prometheus."""
    return Response(service.metrics.text(), media_type=service.metrics.media_type)


@keyed.get("/history", responses=PLAIN_PROBLEMS | documented(404))
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
