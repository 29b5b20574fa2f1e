"""A real browser: Debian's Chromium without a window, told what to do over its debugging socket."""

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

_LISTENING = re.compile(r"DevTools listening on (ws://\S+)")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # CI runs as root, which Chromium's own sandbox refuses.
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-port=0",
)
_ANSWER_S = 60.0


class Page:
    """One tab."""

    def __init__(self, line: ClientConnection, session: str) -> None:
        self._line = line
        self._session = session
        self._asked = 0

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol; raises RuntimeError when the browser refuses it."""
        self._asked += 1
        asked = {"id": self._asked, "method": method, "params": params}
        if self._session:
            asked["sessionId"] = self._session
        self._line.send(json.dumps(asked))
        while True:
            said = json.loads(self._line.recv(_ANSWER_S))
            if said.get("id") == self._asked and said.get("sessionId", "") == self._session:
                if "error" in said:
                    raise RuntimeError(said["error"]["message"])
                result: dict[str, Any] = said["result"]
                return result

    def visit(self, url: str) -> str:
        """Go there; answers the text of the page. Credentials in the URL are remembered for its origin."""
        self.ask("Page.enable")
        failed = self.ask("Page.navigate", url=url).get("errorText")
        if failed:
            raise RuntimeError(failed)
        text: str = self.run(
            "await new Promise(done =>"
            " document.readyState == 'complete' ? done() : addEventListener('load', done));"
            "return document.body.innerText"
        )
        return text

    def run(self, script: str) -> Any:
        """What the body of an async function returns in the page. Raises RuntimeError when it throws."""
        done = self.ask(
            "Runtime.evaluate",
            expression=f"(async () => {{ {script} }})()",
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in done:
            raise RuntimeError(json.dumps(done["exceptionDetails"]))
        return done["result"].get("value")


@contextlib.contextmanager
def opened_browser(folder: Path) -> Iterator[Page]:
    """A browser with an empty profile in ``folder``, and a tab of it; both are gone afterwards."""
    process = subprocess.Popen(
        ["chromium", *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(folder)},
    )
    try:
        assert process.stderr is not None
        found = next(found for line in process.stderr if (found := _LISTENING.search(line)))
        with connect(found[1], max_size=None, proxy=None) as line:
            browser = Page(line, "")
            target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
            session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            yield Page(line, session)
            browser.ask("Browser.close")
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        if process.returncode is None:
            process.kill()
            process.wait()
        if process.stderr is not None:
            process.stderr.close()
