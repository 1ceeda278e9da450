"""The packed extension in a headless Chromium, for tests and for the parity check."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from src import InputError
from src.data import folders

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# The first verdict loads the network, on processors that others may use as well.
PATIENCE = 120_000  # milliseconds


class Browser:
    """A browser with the extension in it.

    Attributes:
        context: Playwright's.
        home: where the extension's own pages are.
    """

    def __init__(self, context: Any) -> None:
        self.context = context
        workers = context.service_workers or [context.wait_for_event("serviceworker")]
        self.worker = workers[0]
        self.home = f"chrome-extension://{self.worker.url.split('/')[2]}/extension"
        self._window: Any = None

    def window(self) -> Any:
        """Return the pop-up, opened as a page of its own."""
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{self.home}/popup.html")
        return page

    def check(self, data: bytes, box: list[float] | None = None) -> dict[str, Any]:
        """Judge the bytes of a picture as the pop-up does: `answer` and `status`, or `problem`."""
        if self._window is None:
            self._window = self.window()
        text = base64.b64encode(data).decode()
        message = {"to": "background", "ask": "check", "base64": text, "notes": [], "box": box}
        reply = self._window.evaluate(
            "(message) => chrome.runtime.sendMessage(message)", {**message, "source": "a file"}
        )
        return reply.get("value") or reply


def some_pictures(folder: Path, limit: int, seed: int) -> list[Path]:
    """Choose at most so many pictures of a folder, in an order that the seed draws.

    Raises:
        InputError: there are none.
    """
    found = folders.images(folder)
    if not found:
        raise InputError(f"{folder}: no pictures there")
    order = np.random.default_rng(seed).permutation(len(found))
    return [found[i] for i in order[:limit]]


@contextmanager
def opened(folder: Path, proxy: str | None = None) -> Iterator[Browser]:
    """Open Chromium with an unpacked extension.

    Args:
        folder: with its manifest.
        proxy: takes every request of the browser, those to this machine among them.

    Raises:
        InputError: there is no Chromium, or no Playwright.
    """
    if CHROMIUM is None:
        raise InputError("no Chromium is installed; install Debian's package `chromium`")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise InputError("needs one more package: pip install playwright==1.65.2") from error
    arguments = [
        "--headless=new",
        "--no-sandbox",
        f"--disable-extensions-except={folder}",
        f"--load-extension={folder}",
    ]
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            headless=False,
            args=arguments,
            # Playwright turns extensions off unless it is told not to.
            ignore_default_args=["--disable-extensions"],
            proxy={"server": proxy, "bypass": "<-loopback>"} if proxy else None,
            viewport={"width": 1000, "height": 900},
        )
        try:
            yield Browser(context)
        finally:
            context.close()
