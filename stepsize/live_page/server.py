"""The page on loopback: one HTML document, one ES module, and a stream of replies for each message.

It needs nothing but Python's own server. A message is a POST, and its replies are lines of JSON in the
response, so that a page needs no socket of its own. Only this page can talk to the server: requests must name
the loopback address as their host, come from the page's own origin, and carry its token.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stepsize.errors import StudyError
from stepsize.live_page.module import page_html, script
from stepsize.live_page.requests import Message, Send

HOST = "127.0.0.1"
LARGEST = 1_000_000  # bytes of a message
GONE = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError)
POLICY = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:"


class PageServer(ThreadingHTTPServer):
    """Serves the page at `url`; `answer` replies to its messages and may be called by several threads.

    Raises: StudyError if the port cannot be used.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[Message, Send], None], title: str, port: int = 0) -> None:
        self.answer, self.title = answer, title
        self.token = secrets.token_urlsafe(16)
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
            raise StudyError(f"port={port} cannot be used: {reason}; choose another port, or none") from None

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a request may name as its host; other names that lead to this machine are not among them."""
        return f"{HOST}:{self.server_port}", f"localhost:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a page that was closed in the middle of a reply is not an error."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a browser."""

    server: PageServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    _is_gone = False

    def do_GET(self) -> None:
        if not self._is_ours():
            return
        if self.path == "/":
            page = page_html(self.server.title, self.server.token)
            self._reply(HTTPStatus.OK, "text/html", page)
        elif self.path == "/explore.js":
            self._reply(HTTPStatus.OK, "text/javascript", script())
        else:
            self._reply(HTTPStatus.NOT_FOUND, "text/plain", "There is only one page, at /.")

    def do_POST(self) -> None:
        if not self._is_ours():
            return
        message = self._message()
        if self.path != "/ask" or message is None:
            self._reply(HTTPStatus.BAD_REQUEST, "text/plain", "This is not a message of the page.")
            return
        self.send_response(HTTPStatus.OK)
        self._headers("application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.server.answer(message, self._send)
        self._write(b"0\r\n\r\n")

    def _send(self, reply: dict[str, Any]) -> None:
        line = json.dumps(reply, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        self._write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _write(self, data: bytes) -> None:
        """Write a part of the replies; a page that is gone gets none, and what is trained for it goes on."""
        if self._is_gone:
            return
        try:
            self.wfile.write(data)
            self.wfile.flush()
        except GONE:
            self._is_gone = self.close_connection = True

    def _message(self) -> Message | None:
        """Return the message of a request; None if it is not one of the page."""
        length = self.headers.get("Content-Length", "")
        token = self.headers.get("X-Stepsize-Token", "")
        if not length.isdecimal() or int(length) > LARGEST:
            self.close_connection = True
            return None
        body = self.rfile.read(int(length))
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            return None
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            return None
        return message if isinstance(message, dict) else None

    def _is_ours(self) -> bool:
        """Return whether a request is one of the page itself; refuse it if not.

        A page of another site can send requests to this address, but not with its name as the host after a
        change of that site's DNS, nor with this origin, nor with the token.
        """
        origins = [f"http://{host}" for host in self.server.hosts]
        origin = self.headers.get("Origin")
        if self.headers.get("Host") in self.server.hosts and (origin is None or origin in origins):
            return True
        self.close_connection = True
        self._reply(HTTPStatus.FORBIDDEN, "text/plain", "Only the page on this address may ask.")
        return False

    def _reply(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self._headers(f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _headers(self, kind: str) -> None:
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Content-Security-Policy", POLICY)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the terminal is for the user."""
