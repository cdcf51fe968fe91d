"""`--serve`: the HTML report on a local address, until Ctrl-C."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from skoop.cli.output import remark
from skoop.errors import UsageError

if TYPE_CHECKING:
    from skoop.report.document import ResultDoc

LOOPBACK = "127.0.0.1:0"
"""Where the page is served unless told otherwise; port 0 is any that is free."""


def serve(result: ResultDoc, listen: str) -> None:
    """Serve the page at "HOST:PORT" and say where. Raises UsageError when that cannot be had."""
    server = page_server(result, listen)
    host, port = server.server_address[:2]
    remark(f"The report is at http://{_bracketed(str(host))}:{port}/ ; Ctrl-C ends this.")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        remark("")
    finally:
        server.server_close()


def page_server(result: ResultDoc, listen: str) -> ThreadingHTTPServer:
    """A server that knows one page. Raises UsageError."""
    from skoop.report import html
    from skoop.report.options import RenderOptions

    page = html.render(result, RenderOptions()).encode()
    host, port = split_address(listen)

    class Page(_Page):
        content = page

    try:
        return ThreadingHTTPServer((host, port), Page)
    except OSError as error:
        raise UsageError(f"Cannot listen on {listen}: {error.strerror or error}.") from error


def split_address(listen: str) -> tuple[str, int]:
    """ "HOST:PORT" taken apart. Raises UsageError."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise UsageError(f"--listen takes HOST:PORT, like {LOOPBACK}, not {listen!r}.")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class _Page(BaseHTTPRequestHandler):
    """Answers GET and HEAD of "/"."""

    content = b""

    def do_GET(self) -> None:
        """The page."""
        if self._head():
            self.wfile.write(self.content)

    def do_HEAD(self) -> None:
        """The page without its body."""
        self._head()

    def _head(self) -> bool:
        """Whether the page may be sent. A name that merely resolves to this address is refused: a
        page from elsewhere could read the report through it."""
        name = self.headers.get("Host", "").rpartition(":")[0].strip("[]")
        here = str(self.connection.getsockname()[0])
        status = HTTPStatus.OK
        if name not in (here, "localhost"):
            status = HTTPStatus.FORBIDDEN
        elif self.path != "/":
            status = HTTPStatus.NOT_FOUND
        is_served = status is HTTPStatus.OK
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self.content) if is_served else 0))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        return is_served

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Nothing: the terminal is the user's."""
        del format, args
