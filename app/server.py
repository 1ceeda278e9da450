"""The server that the service runs in: how it ends."""

from __future__ import annotations

import logging
import socket

import uvicorn
from fastapi import FastAPI

from app.settings import Settings


class Server(uvicorn.Server):
    """Answers requests until a signal says stop, and then finishes what was accepted.

    Args:
        app: the service.
        settings: of it.
    """

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._app = app
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level=logging.WARNING,
                access_log=False,
                server_header=False,
                # What was accepted has the time that it had anyway.
                timeout_graceful_shutdown=round(settings.longest_wait) + 1,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; uploads that are not there yet are not waited for."""
        self._app.state.service.stop_uploads()
        await super().shutdown(sockets)
