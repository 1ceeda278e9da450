"""Made sites behind a proxy that writes down every request of a browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

MEDIA = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "png": "image/png",
    "gif": "image/gif",
}


class Sites:
    """What is served, and what was asked for.

    Attributes:
        pages: content by host and path, such as `faces.test/a.jpg`.
        requests: method, address, headers and body of each, in order.
    """

    def __init__(self, pages: Mapping[str, bytes]) -> None:
        self.pages = pages
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.address = ""


@contextmanager
def serving(pages: Mapping[str, bytes]) -> Iterator[Sites]:
    """Serve sites by a proxy; hosts that begin with `open.` let other pages read their files."""
    sites = Sites(pages)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sites.requests.append((self.command, self.path, dict(self.headers), body))
            parts = urlsplit(self.path)
            content = sites.pages.get(f"{parts.netloc}{parts.path}")
            self.send_response(200 if content is not None else 404)
            if parts.netloc.startswith("open."):
                self.send_header("Access-Control-Allow-Origin", "*")
            suffix = parts.path.rpartition(".")[2]
            self.send_header("Content-Type", MEDIA.get(suffix, "image/jpeg"))
            self.send_header("Content-Length", str(len(content or b"")))
            if suffix == "html":
                self.send_header("Content-Security-Policy", "style-src 'self'; script-src 'self'")
            self.end_headers()
            self.wfile.write(content or b"")

        do_GET = do_POST = do_PUT = do_HEAD = do_OPTIONS = _answer

        def do_CONNECT(self) -> None:
            sites.requests.append((self.command, self.path, dict(self.headers), b""))
            self.send_error(502)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sites.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield sites
    finally:
        server.shutdown()
        server.server_close()
