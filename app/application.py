"""The service as an application: routes, error documents and what stands before them."""

from __future__ import annotations

from pathlib import Path

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from app import problems
from app.guard import Faults, Guard
from app.requests import BEARER, admit
from app.routes import everybody, keyed
from app.service import Service
from app.settings import Settings
from app.video_routes import filmed
from src import __version__
from src.detector.detector import Detector


def create(detector: Detector, folder: Path, settings: Settings) -> FastAPI:
    """Return the service around a detector.

    Args:
        detector: judges.
        folder: its bundle.
        settings: of the service.

    Raises:
        InputError: it cannot start like that.
    """
    service = Service(detector, folder, settings)
    app = FastAPI(
        title="Deepfake face detector",
        version=__version__,
        description="Is this face real? Verdicts with reasons, evidence and a stated error rate.",
        # Their pages load programs from elsewhere; `/openapi.json` is there for any tool.
        docs_url=None,
        redoc_url=None,
        lifespan=service.running,
    )
    app.state.service = service
    app.include_router(everybody)
    guards = [Depends(BEARER), Depends(admit)] if service.keys is not None else []
    for router in (keyed, filmed):
        app.include_router(router, dependencies=guards)
    problems.install(app, service.metrics)
    # What is added later stands before what was added earlier.
    app.add_middleware(Faults, metrics=service.metrics)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.origins,
        allow_methods=("GET", "POST"),
        allow_headers=("Authorization",),
        expose_headers=("Retry-After",),
    )
    app.add_middleware(Guard, settings=settings, metrics=service.metrics)
    return app
