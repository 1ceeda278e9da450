"""The HTTP service, its web page and the browser extension.

`deepfake serve`, `python -m app` and `uvicorn app:app` start the same service; the last takes its
options from the environment, such as `DEEPFAKE_SERVE_MODEL`.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Make the service when it is asked for, so that importing the package costs nothing."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from app.serve import from_environment

    return from_environment()
