"""Drives an installed Chromium over a pipe: pages opened, forms filled, keys pressed, pictures taken.

Source: Chrome DevTools Protocol, version 1.3; ``--remote-debugging-pipe`` reads commands from handle 3, writes to 4.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
KEYS = {"Enter": ("Enter", 13, "\r"), "Tab": ("Tab", 9, ""), "Escape": ("Escape", 27, "")}
WAIT_S = 20.0


def installed() -> str | None:
    """The path of a Chromium, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """A browser without a window; use as a context. For one thread.

    Raises: FileNotFoundError where none is installed.
    """

    def __init__(self) -> None:
        path = installed()
        if path is None:
            raise FileNotFoundError("no Chromium is installed: apt-get install chromium")
        self._folder = tempfile.TemporaryDirectory(prefix="wellread-browser-", ignore_cleanup_errors=True)
        asked, self._write = (fcntl.fcntl(handle, fcntl.F_DUPFD_CLOEXEC, 10) for handle in os.pipe())
        self._read, said = (fcntl.fcntl(handle, fcntl.F_DUPFD_CLOEXEC, 10) for handle in os.pipe())
        flags = ["--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self._folder.name}"]
        flags += ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
        flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        null = os.open(os.devnull, os.O_RDWR)
        handles = [(os.POSIX_SPAWN_DUP2, null, n) for n in (0, 1, 2)]
        handles += [(os.POSIX_SPAWN_DUP2, asked, 3), (os.POSIX_SPAWN_DUP2, said, 4)]
        self._pid = os.posix_spawn(path, [path, *flags], dict(os.environ), file_actions=handles, setpgroup=0)
        for handle in (asked, said, null):
            os.close(handle)
        self._rest, self._number = b"", 0
        self.tabs: dict[str, Tab] = {}

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._read)
        os.close(self._write)
        self._folder.cleanup()

    def tab(self, width: int, height: int, *, scheme: str = "light", script: bool = True, scale: float = 1.0) -> Tab:
        """A page of its own, without cookies of another; ``scale`` is pixels for each of its units."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = self.tabs[session] = Tab(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.ask(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        tab.ask("Emulation.setDeviceMetricsOverride", **size)
        tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        tab.ask("Emulation.setScriptExecutionDisabled", value=not script)
        return tab

    def ask(self, method: str, session: str = "", **given: Any) -> Mapping[str, Any]:
        """What the browser answers to a command. Raises: RuntimeError with its words where it refuses."""
        self._number += 1
        number = self._number
        command: dict[str, Any] = {"id": number, "method": method, "params": given}
        if session:
            command["sessionId"] = session
        os.write(self._write, json.dumps(command).encode() + b"\0")
        until = time.monotonic() + WAIT_S
        while True:
            said = self._next(until - time.monotonic())
            if said.get("id") == number:
                if "error" in said:
                    raise RuntimeError(f"{method}: {said['error']['message']}")
                result: Mapping[str, Any] = said["result"]
                return result
            self._heard(said)

    def _heard(self, said: Mapping[str, Any]) -> None:
        tab = self.tabs.get(str(said.get("sessionId")))
        if tab is None:
            return
        given = said.get("params", {})
        if said["method"] == "Network.requestWillBeSent":
            tab.requests.append(given["request"]["url"])
        elif said["method"] == "Log.entryAdded" and given["entry"]["level"] == "error":
            tab.problems.append(f"{given['entry']['text']} {given['entry'].get('url', '')}".strip())
        elif said["method"] == "Runtime.exceptionThrown":
            tab.problems.append(given["exceptionDetails"]["text"])

    def _next(self, seconds: float) -> Mapping[str, Any]:
        while b"\0" not in self._rest:
            if seconds <= 0 or not select.select([self._read], [], [], seconds)[0]:
                raise TimeoutError("the browser does not answer")
            data = os.read(self._read, 1 << 16)
            if not data:
                raise RuntimeError("the browser ended")
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        found: Mapping[str, Any] = json.loads(message)
        return found


@dataclass
class Tab:
    """A page of the browser; ``requests`` and ``problems`` collect what it loaded and what it complained of."""

    browser: Chromium
    session: str
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def ask(self, method: str, **given: Any) -> Mapping[str, Any]:
        """As ``Chromium.ask``, of this page."""
        return self.browser.ask(method, self.session, **given)

    def goto(self, address: str) -> None:
        """Opens an address and waits until all of it is there."""
        self.ask("Page.navigate", url=address)
        self.wait(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(address)})")

    def run(self, expression: str) -> Any:
        """The value of an expression of JavaScript, which may be a promise. Raises: RuntimeError."""
        said = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in said:
            raise RuntimeError(str(said["exceptionDetails"].get("exception", {}).get("description")))
        return said["result"].get("value")

    def wait(self, expression: str) -> None:
        """Until the expression holds. Raises: TimeoutError."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            try:
                if self.run(expression):
                    return
            except RuntimeError:  # between two pages there is none
                pass
            time.sleep(0.02)
        raise TimeoutError(f"it does not come to hold: {expression}")

    def there(self, selector: str) -> None:
        """Waits for an element."""
        self.wait(f"document.querySelector({json.dumps(selector)}) !== null")

    def click(self, selector: str) -> None:
        """A click of the mouse in the middle of an element, which is scrolled to."""
        self.there(selector)
        found = f"document.querySelector({json.dumps(selector)})"
        x, y = self.run(
            f"(() => {{ const e = {found}; e.scrollIntoView({{block: 'center', behavior: 'instant'}});"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def fill(self, selector: str, text: str) -> None:
        """Writes into a field in place of what it holds."""
        self.there(selector)
        self.run(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.focus(); e.select(); }})()")
        self.ask("Input.insertText", text=text)

    def choose(self, selector: str, path: Path) -> None:
        """Chooses a file in a field for files."""
        self.there(selector)
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        field = self.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.ask("DOM.setFileInputFiles", nodeId=field, files=[str(path)])

    def press(self, key: str) -> None:
        """A key: a character, Enter, Tab or Escape."""
        name, code, text = KEYS[key] if key in KEYS else (key, ord(key.upper()), key)
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=name, windowsVirtualKeyCode=code, text=text)

    def picture(self, path: Path) -> None:
        """The part of the page that is in view, as a PNG; pictures in it are waited for."""
        self.wait("[...document.images].every((i) => i.complete || i.getBoundingClientRect().top > innerHeight)")
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))
