"""The extension as a visitor uses it, in the Firefox of this machine."""

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import firefox
import made
import people
import pytest
from firefox import Firefox, opened, wait
from PIL import Image

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(firefox.FIREFOX is None, reason="Firefox is not installed"),
]

POLICY = {"/plain.html": None, "/strict.html": "default-src 'none'; img-src 'self'"}


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Serve a page with a face, and the same with a strict policy."""
    face = made.encoded(Image.fromarray(people.astronaut()), "JPEG", quality=90)
    page = b'<!doctype html><title>Faces</title><img id="own" src="/face.jpg" width="300">'

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = page if self.path in POLICY else face
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg" if content is face else "text/html")
            if POLICY.get(self.path):
                self.send_header("Content-Security-Policy", str(POLICY[self.path]))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser(packed: Path, tmp_path_factory: Any) -> Iterator[Firefox]:
    with opened(packed / "firefox") as browser:
        yield browser


@pytest.mark.parametrize("name", ["plain", "strict"])
def test_a_right_click_says_everything_over_the_page(browser, site, name):
    browser.tab(f"{site}/{name}.html")
    browser.choose("#own", "Check this face")
    said = wait(lambda: "Probability of fake" in browser.said() and browser.said())
    assert "On average at most" in said
    # A page that forbids its own scripts to fetch forbids it this one: that is said.
    assert ("the pixels that the page shows were judged" in said) == (name == "strict")
    assert browser.script("return window.find('Probability of fake', true, false, true)") is False
    assert browser.script("return window.length") == 0


def test_the_verdict_of_record_stands_in_the_extensions_own_window(browser, site):
    browser.tab(f"{firefox.HOME}/popup.html")
    wait(lambda: f"{site}/face.jpg" in browser.script("return document.body.innerText"))


def test_badges_come_where_there_is_leave(packed, site, tmp_path):
    own = Path(shutil.copytree(packed / "firefox", tmp_path / "own"))
    manifest = json.loads((own / "manifest.json").read_text(encoding="utf-8"))
    # No test can answer the browser's question for leave.
    manifest["host_permissions"] = ["http://127.0.0.1/*"]
    (own / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with opened(own) as browser:
        browser.tab(f"{firefox.HOME}/popup.html")
        browser.script(
            """chrome.tabs.query({ active: true }).then(async ([tab]) => {
                const wish = { to: "background", ask: "wish", origin: arguments[0], tab: tab.id };
                await chrome.runtime.sendMessage(wish);
                await chrome.runtime.sendMessage({ to: "background", ask: "grant" });
            });""",
            site,
        )
        wait(
            lambda: browser.command(
                "WebDriver:ExecuteAsyncScript",
                script="""chrome.scripting.getRegisteredContentScripts()
                    .then((found) => arguments[0](found.length));""",
                args=[],
            )
        )
        browser.tab(f"{site}/strict.html")
        wait(lambda: browser.said() in ("Fake", "Real", "Inconclusive"))
