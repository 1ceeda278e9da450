"""The packed extension in a headless Firefox, driven by the protocol that Firefox speaks itself."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
# Given, because Firefox draws one at random.
UUID = "11111111-2222-4333-8444-555555555555"
HOME = f"moz-extension://{UUID}/extension"
PATIENCE = 120  # seconds


class Firefox:
    """A browser that takes commands (Marionette) over a socket."""

    def __init__(self, port: int) -> None:
        for _ in range(2 * PATIENCE):
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=4 * PATIENCE)
                break
            except OSError:
                time.sleep(0.5)
        else:
            raise AssertionError("Firefox does not answer")
        self._number = 0
        self._receive()
        self.command("WebDriver:NewSession")

    def command(self, name: str, **parameters: Any) -> Any:
        self._number += 1
        message = json.dumps([0, self._number, name, parameters]).encode()
        self._socket.sendall(f"{len(message)}:".encode() + message)
        _, _, error, result = self._receive()
        assert error is None, error
        return result.get("value", result) if isinstance(result, dict) else result

    def script(self, text: str, *arguments: Any) -> Any:
        """Run a script where the last `go_to`, `frame` or `browser` led, and return its value."""
        return self.command("WebDriver:ExecuteScript", script=text, args=list(arguments))

    def browser(self, text: str, *arguments: Any) -> Any:
        """Run a script in the browser's own window."""
        self.command("Marionette:SetContext", value="chrome")
        try:
            return self.script(text, *arguments)
        finally:
            self.command("Marionette:SetContext", value="content")

    def tab(self, address: str) -> None:
        """Open an address as the visitor would, an extension's among them, and go there."""
        before = set(self.command("WebDriver:GetWindowHandles"))
        self.browser(
            """gBrowser.selectedTab = gBrowser.addTab(arguments[0],
                { triggeringPrincipal: Services.scriptSecurityManager.getSystemPrincipal() });""",
            address,
        )
        new = wait(lambda: set(self.command("WebDriver:GetWindowHandles")) - before)
        self.command("WebDriver:SwitchToWindow", handle=new.pop())
        wait(
            lambda: (
                self.script("return document.readyState === 'complete' && location.href") == address
            )
        )

    def choose(self, selector: str, label: str) -> None:
        """Right click on an element, and choose an entry of the menu."""
        element = self.command("WebDriver:FindElement", using="css selector", value=selector)
        press = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": element},
            {"type": "pointerDown", "button": 2},
            {"type": "pointerUp", "button": 2},
        ]
        pointer = {"type": "pointer", "id": "mouse", "actions": press}
        self.command("WebDriver:PerformActions", actions=[pointer])
        chosen = wait(
            lambda: self.browser(
                """const menu = document.getElementById("contentAreaContextMenu");
                const entry = [...menu.querySelectorAll("menuitem")]
                    .find((one) => one.label === arguments[0]);
                if (menu.state !== "open" || !entry) return false;
                menu.activateItem(entry);
                return true;""",
                label,
            )
        )
        assert chosen

    def said(self) -> str:
        """Return the text of the first frame in the page, in whatever root it stands."""
        try:
            self.command("WebDriver:SwitchToFrame", id=0)
        except AssertionError:
            return ""
        try:
            return str(self.script("return document.body.innerText"))
        finally:
            self.command("WebDriver:SwitchToFrame", id=None)

    def _receive(self) -> Any:
        length = b""
        while (letter := self._socket.recv(1)) != b":":
            assert letter, "Firefox has gone"
            length += letter
        content = b""
        while len(content) < int(length):
            content += self._socket.recv(int(length) - len(content))
        return json.loads(content)


def wait(ready: Any, patience: float = PATIENCE) -> Any:
    """Wait for something true, and return it."""
    end = time.monotonic() + patience
    while not (found := ready()):
        assert time.monotonic() < end, f"in vain: {found!r}"
        time.sleep(0.3)
    return found


@contextmanager
def opened(folder: Path) -> Iterator[Firefox]:
    """Open Firefox with an unpacked extension."""
    assert FIREFOX is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    name = known["browser_specific_settings"]["gecko"]["id"]
    preferences = {
        "marionette.port": port,
        "extensions.webextensions.uuids": json.dumps({name: UUID}),
        "xpinstall.signatures.required": False,
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
    }
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in preferences.items()]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        (Path(profile) / "user.js").write_text("\n".join(lines), encoding="utf-8")
        options = ["--headless", "--marionette", "--remote-allow-system-access", "--no-remote"]
        process = subprocess.Popen(
            [FIREFOX, *options, "--profile", profile],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            firefox = Firefox(port)
            firefox.command("Addon:Install", path=str(folder), temporary=True)
            yield firefox
        finally:
            process.terminate()
            process.wait(60)
