"""What stands before every route: which host and origin may ask, headers, and counting."""

from __future__ import annotations

import logging
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics
from app.problems import Problem, fault
from app.settings import Settings

log = logging.getLogger(__name__)

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# Whatever else is asked is counted together: a series each would grow without bound.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# For every answer that does not bring its own.
HEADERS = {
    "Content-Security-Policy": NOTHING,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class Faults:
    """ASGI middleware within all others, so that a fault is answered with their headers too."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def seen(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, seen)
        except Exception:
            if begun or scope["type"] != "http":
                raise
            # Whoever runs the service finds the traceback in its log; nobody else does.
            log.exception("a fault of the service")
            problem = fault()
            self.metrics.rejects.labels(problem.code).inc()
            await problem.response(scope, receive, send)


class Guard:
    """ASGI middleware around the whole service."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        # What is answered if nothing ever is: whoever asked went away, or there is a fault.
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if "frame-ancestors 'none'" in headers["content-security-policy"]:
                    headers["X-Frame-Options"] = "DENY"
            await send(message)

        try:
            try:
                self._require_allowed(scope)
            except Problem as problem:
                self.metrics.rejects.labels(problem.code).inc()
                await problem.response(scope, receive, send_with_headers)
            else:
                await self.app(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.metrics.requests.labels(route, method, status).inc()
            self.metrics.latency.labels(route).observe(time.perf_counter() - start)

    def _require_allowed(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not _matches(_name(host), self.settings.hosts):
            detail = f"This service is not known as {host[:80]!r}; see --allowed-host."
            raise Problem(400, "wrong_host", detail)
        origin = headers.get("origin")
        if origin is None or scope["method"] in ("GET", "HEAD"):
            return
        # Another page could not read the answer, but it could keep the detector busy.
        # The scheme does not matter: behind a proxy that ends TLS it is not the one seen here.
        if origin.partition("://")[2] != host and origin not in self.settings.origins:
            detail = f"Pages of {origin[:80]!r} may not ask here; see --cors-origin."
            raise Problem(403, "foreign_origin", detail)


def _name(host: str) -> str:
    """Return the name in a `Host` header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(
        name.endswith(pattern[1:].lower()) if pattern.startswith("*.") else name == pattern.lower()
        for pattern in patterns
    )
