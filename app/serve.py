"""Judge images over HTTP."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.settings import LOOPBACK, Settings
from src import InputError, install, options
from src.cli import Verb, log_to_stderr
from src.data import pixels
from src.detector import load, locate
from src.detector.engines.choice import AUTO
from src.explaining.rewriting import Endpoint

if TYPE_CHECKING:
    import socket

    from fastapi import FastAPI

log = logging.getLogger(__name__)

VARIABLES = "DEEPFAKE_SERVE"
# After that the text from templates is better than a better one.
LLM_SECONDS = 15.0
MILLION = 1_000_000
NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "sqlalchemy")


def make_app(
    settings: Settings, model: str | None, engine: str = AUTO, precision: str | None = None
) -> FastAPI:
    """Load the detector and return the service around it.

    Raises:
        InputError: no bundle, or something else that the service cannot start with.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise InputError(
            f"the service needs {', '.join(missing)}, not installed here: {install('serve')}"
        )
    from app.application import create

    folder = locate(model)
    detector = load(folder, engine, precision)
    log.info("%s judges, by %s in %s", folder, detector.engine.name, detector.engine.precision)
    return create(detector, folder, settings)


@click.command(cls=Verb, context_settings={"auto_envvar_prefix": VARIABLES})
@options.model
@options.engine
@options.precision
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, help="0 takes a free one.")
@click.option("--allowed-host", multiple=True, help="A name it is reached by; repeatable.")
@click.option("--cors-origin", multiple=True, help="A page that may ask, or null; repeatable.")
@click.option("--frame-ancestor", multiple=True, help="A site that may frame it; repeatable.")
@click.option(
    "--api-key-file",
    type=options.PATH,
    help="Lines NAME:SHA256; `python -m app.new_key NAME` makes one.",
)
@click.option("--rate", type=click.IntRange(1), default=Settings.rate, help="Images/min a key.")
@click.option("--history", type=options.PATH, help="SQLite file for verdicts.")
@click.option(
    "--trust-anchors",
    type=options.PATH,
    help="PEM file with trusted roots of Content Credentials.",
)
@click.option("--llm-model", help="A language model that may choose what explanations say.")
@click.option("--llm-url", help="Base URL of an OpenAI-like server; its key: DEEPFAKE_LLM_KEY.")
@click.option(
    "--max-megabytes",
    type=click.IntRange(1, pixels.MAX_BYTES // MILLION),
    default=Settings.max_bytes // MILLION,
    help="Of one file.",
)
@click.option(
    "--max-megapixels",
    type=click.IntRange(1, pixels.MAX_PIXELS // MILLION),
    default=Settings.max_pixels // MILLION,
    help="Of one image.",
)
@click.option("--max-files", type=click.IntRange(1), default=Settings.max_files, help="A batch.")
@click.option("--places", type=click.IntRange(1), default=Settings.places, help="Images at a time.")
@click.option("--batch-size", type=click.IntRange(1), default=Settings.batch_size)
@click.option(
    "--deadline", type=click.FloatRange(0.001), default=Settings.deadline, help="Seconds."
)
@click.option("--videos", type=click.IntRange(1), default=Settings.videos, help="At a time.")
@click.option(
    "--video-deadline", type=click.FloatRange(0.001), default=Settings.video_deadline,
    help="Seconds for a video.",
)  # fmt: skip
def command(
    model: str | None, engine: str, precision: str | None, host: str, port: int, **chosen: Any
) -> None:
    """Judge images over HTTP, with a web page.

    It listens to this computer alone, and checks by which name it is addressed. Every option can
    be given in the environment as well, such as DEEPFAKE_SERVE_MODEL.
    """
    settings = _settings(host, **chosen)
    with _listen(host, port) as listener:
        made = make_app(settings, model, engine, precision)
        shown = f"[{host}]" if ":" in host else host
        log.info("http://%s:%d (stop it with Ctrl-C)", shown, listener.getsockname()[1])
        run(made, listener, settings)


def run(app: FastAPI, listener: socket.socket, settings: Settings) -> None:
    """Answer until a signal says stop, and then finish what was accepted."""
    from app.server import Server

    try:
        Server(app, settings).run(sockets=[listener])
    except KeyboardInterrupt:
        log.info("stopped")


def from_environment() -> FastAPI:
    """Return the service with its options out of the environment, for `uvicorn app:app`."""
    log_to_stderr()
    try:
        chosen = command.make_context("app", []).params
        made = {name: chosen.pop(name) for name in ("model", "engine", "precision")}
        del chosen["port"]
        return make_app(_settings(**chosen), **made)
    except (InputError, click.UsageError) as error:
        said = error.format_message() if isinstance(error, click.UsageError) else error
        click.echo(f"Error: {said}", err=True)
        raise SystemExit(2) from error


def _settings(
    host: str,
    *,
    allowed_host: tuple[str, ...],
    cors_origin: tuple[str, ...],
    frame_ancestor: tuple[str, ...],
    api_key_file: Path | None,
    llm_model: str | None,
    llm_url: str | None,
    max_megabytes: int,
    max_megapixels: int,
    **same: Any,
) -> Settings:
    for origin in (*cors_origin, *frame_ancestor):
        if origin != "null" and (origin.count("/") != 2 or "://" not in origin or "*" in origin):
            raise InputError(f"expected one origin such as https://example.org, got {origin!r}")
    named = () if host in ("0.0.0.0", "::") else (host,)
    return Settings(
        hosts=(*LOOPBACK, *named, *allowed_host),
        origins=cors_origin,
        frame_ancestors=frame_ancestor,
        api_keys=api_key_file,
        endpoint=_endpoint(llm_model, llm_url),
        max_bytes=max_megabytes * MILLION,
        max_pixels=max_megapixels * MILLION,
        **same,
    )


def _endpoint(model: str | None, url: str | None) -> Endpoint | None:
    """Return the language model that was asked for; what other programs use is none of ours."""
    if model is None:
        if url is not None:
            raise InputError("--llm-url needs --llm-model: the model's name")
        return None
    if find_spec("openai") is None:
        raise InputError(f"--llm-model needs openai: {install('llm')}")
    # A key is told to the server that it is for, and to no other.
    key = os.environ.get("OPENAI_API_KEY" if url is None else "DEEPFAKE_LLM_KEY")
    if url is None and not key:
        raise InputError("--llm-model needs a server (--llm-url) or a key (OPENAI_API_KEY)")
    return Endpoint(model, url, key, LLM_SECONDS)


def _listen(host: str, port: int) -> socket.socket:
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host} port {port}: {error.strerror}; give another --port or --host"
        ) from error


if __name__ == "__main__":
    command()
