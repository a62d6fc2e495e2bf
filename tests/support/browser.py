"""A headless Chromium that tests drive over a pipe, by its DevTools protocol, without any other package."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--remote-debugging-pipe",
]  # fmt: skip

CONNECT = """
import os, sys
def start(reads, writes):  # Chromium reads from descriptor 3 and writes to 4
    os.dup2(reads, 3)
    os.dup2(writes, 4)
    os.execv(sys.argv[1], sys.argv[1:])
"""


def _pipe(is_input):
    """Return our end and the browser's end of a pipe, both above 10, so that 3 and 4 stay free."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[::-1] if is_input else high


class Browser:
    """One page in a browser; use it as a context manager. `messages` are what its console was told."""

    def __init__(self, profile):
        ours, theirs = zip(*(_pipe(is_input) for is_input in (True, False)), strict=True)
        self._out, self._in = ours
        connected = f"{CONNECT}\nstart(*{theirs})"  # in a process of its own: JAX warns where this one forks
        self._process = subprocess.Popen(
            [sys.executable, "-c", connected, CHROMIUM, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=theirs, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        for descriptor in theirs:
            os.close(descriptor)
        self._rest, self._number, self.messages, self._session = b"", 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Page", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(10)
        os.close(self._in)
        os.close(self._out)

    def call(self, method, **parameters):
        """Call a method of the protocol; return its result."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._note(answer)

    def _read(self):
        while b"\0" not in self._rest:
            data = os.read(self._in, 1 << 20)
            assert data, "the browser has ended"
            self._rest += data
        text, _, self._rest = self._rest.partition(b"\0")
        return json.loads(text)

    def _note(self, event):
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.messages.append(
                parameters["exceptionDetails"].get("exception", {}).get("description", "an exception")
            )
        elif event.get("method") == "Log.entryAdded":
            self.messages.append(parameters["entry"]["text"])
        elif event.get("method") == "Runtime.consoleAPICalled":
            self.messages.append(f"{parameters['type']}: {parameters['args']}")

    def open(self, url, width=1440, height=1000, dark=False):
        """Open a page of a size, light or dark."""
        self.resize(width, height, dark)
        self.call("Page.navigate", url=url)

    def resize(self, width, height=1000, dark=False):
        """Give the page a size, and light or dark colours."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def run(self, script):
        """Return the value of an expression, awaited if it is a promise."""
        result = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, script, seconds=60.0):
        """Wait until an expression is true; return its value."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if value := self.run(script):
                return value
            time.sleep(0.03)
        raise AssertionError(f"{script} is not true after {seconds} s; console: {self.messages}")

    def mouse(self, kind, x, y, buttons=1):
        """Send a mouse event: mousePressed, mouseMoved or mouseReleased."""
        self.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=buttons, clickCount=1
        )

    def key(self, name):
        """Press and release a key such as ArrowUp."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name)

    def picture(self, path, full=True):
        """Save a picture of the page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)["data"]
        path.write_bytes(base64.b64decode(data))
