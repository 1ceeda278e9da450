"""Run a service in this process, on a port of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.serve import _listen
from app.server import Server


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Yield where a service answers, once it is ready."""
    with _listen("127.0.0.1", 0) as listener:
        server = Server(app, app.state.service.settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            for _ in range(1200):
                if app.state.service.ready:
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)
