"""The web page, read into memory once."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import Response

from app.problems import Problem
from app.settings import Settings

FOLDER = Path(__file__).with_name("web")
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


class Pages:
    """The files of the page, each with its media type.

    Args:
        settings: say who may show the page in a frame.
        report_style: the style of a report, by its hash: the page opens reports, which keep the
            page's content security policy.
    """

    def __init__(self, settings: Settings, report_style: str) -> None:
        self._files = {
            path.name: (path.read_bytes(), MEDIA_TYPES[path.suffix])
            for path in FOLDER.iterdir()
            if path.suffix in MEDIA_TYPES
        }
        ancestors = " ".join(settings.frame_ancestors) or "'none'"
        # A report opened by itself: its style, its pictures, and nothing else.
        self.report_headers = {
            "Content-Security-Policy": f"default-src 'none'; style-src {report_style}; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        }
        self._policy = (
            f"default-src 'none'; script-src 'self'; style-src 'self' {report_style}; "
            "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; "
            f"form-action 'none'; frame-ancestors {ancestors}"
        )

    def get(self, name: str) -> Response:
        """Return a file as an answer.

        Raises:
            Problem: there is none of this name.
        """
        if name not in self._files:
            raise Problem(404, "not_found", "The page has no such file.")
        content, media_type = self._files[name]
        headers = {
            "Content-Security-Policy": self._policy,
            "Cache-Control": "no-cache",
            "Vary": "Accept",
        }
        return Response(content, media_type=media_type, headers=headers)
