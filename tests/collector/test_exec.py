"""The receive loop against a server that sends what API servers send, and what broken ones do."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from skoop.cluster.api import WebSocketTarget
from skoop.collector.exec import ExecError, Executed, execute
from tests.apiserver.wsframes import ERROR, STDERR, STDOUT, Channels, accept_key, frame

Script = Callable[[Channels], None]
SECRET = "s3cr3t-token"


@contextmanager
def server(
    script: Script,
    *,
    status: int = 101,
    protocol: str = "v5.channel.k8s.io",
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            assert self.headers["Authorization"] == f"Bearer {SECRET}"
            assert "Origin" not in self.headers
            if status != 101:
                body = b'{"kind":"Status","message":"pods \\"x\\" is forbidden"}'
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
                self.wfile.write(body)
                return
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", accept_key(self.headers["Sec-WebSocket-Key"]))
            if protocol:
                self.send_header("Sec-WebSocket-Protocol", protocol)
            self.end_headers()
            script(Channels(self.rfile, self.wfile, protocol))  # type: ignore[arg-type]
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_WR)
                self.connection.settimeout(1)
                self.rfile.read()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        if tls is not None:
            http.socket = tls.wrap_socket(http.socket, server_side=True)
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"ws://127.0.0.1:{http.server_address[1]}/exec?command=sh"
        finally:
            http.shutdown()
            thread.join()


def run(url: str, stdin: bytes = b"", timeout: float = 20) -> Executed:
    headers = {"Authorization": f"Bearer {SECRET}"}
    target = WebSocketTarget(url, headers, None, "", "")
    return execute(target, stdin, timeout=timeout, scrub=lambda text: text.replace(SECRET, "***"))


def ended(channels: Channels) -> None:
    channels.status(0)
    channels.close()


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
def test_everything_arrives(protocol: str) -> None:
    data = os.urandom(300_000)

    def script(channels: Channels) -> None:
        channels.send(STDOUT, b"")
        channels.send(STDOUT, data[:10], size=1)
        channels.ping()
        channels.send(STDOUT, data[10:])
        channels.send(STDERR, b"a warning\n")
        ended(channels)

    with server(script, protocol=protocol) as url:
        assert run(url) == Executed(data, "a warning", 0)


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
def test_stdin_arrives_whole(protocol: str) -> None:
    wanted = os.urandom(100_000)

    def script(channels: Channels) -> None:
        got = b""
        for piece in channels.stdin():
            got += piece
            if protocol.startswith("v4") and len(got) == len(wanted):
                break
        channels.send(STDOUT, hashlib.sha256(got).digest())
        ended(channels)

    with server(script, protocol=protocol) as url:
        assert run(url, wanted).stdout == hashlib.sha256(wanted).digest()


def test_64_megabytes_in_a_second() -> None:
    data = os.urandom(1 << 20) * 64
    frames = b"".join(
        frame(2, b"\x01" + data[start : start + 32768]) for start in range(0, len(data), 32768)
    )

    def script(channels: Channels) -> None:
        channels.raw(frames)
        ended(channels)

    with server(script) as url:
        start = time.monotonic()
        got = run(url).stdout
        took = time.monotonic() - start
    assert got == data
    assert took < 3, took  # 0.3 s on a quiet machine.


def test_an_exit_status_and_its_message() -> None:
    def script(channels: Channels) -> None:
        channels.send(STDERR, b"ip is not installed")
        channels.status(3)
        channels.close()

    with server(script) as url:
        assert run(url) == Executed(b"", "ip is not installed", 3)


def half(channels: Channels) -> None:
    channels.send(STDOUT, b"half of it")


def half_and_close(channels: Channels) -> None:
    half(channels)
    channels.close()


def half_a_frame(channels: Channels) -> None:
    channels.raw(frame(2, b"\x01" + bytes(1000))[:500])


def no_shell(channels: Channels) -> None:
    channels.failure('exec: "sh": executable file not found in $PATH')
    channels.close()


def garbled(channels: Channels) -> None:
    channels.send(ERROR, b'{"status":')
    channels.close()


def nonsense(channels: Channels) -> None:
    channels.raw(b"HTTP/1.1 500 Oops" * 10)


def silence(channels: Channels) -> None:
    half(channels)
    time.sleep(1)


@pytest.mark.parametrize(
    ("script", "problem", "again"),
    [
        (half, "broke half-way", True),
        (half_and_close, "before the command had ended", True),
        (half_a_frame, "broke half-way", True),
        (no_shell, "executable file not found", False),
        (garbled, "status cannot be read", True),
        (nonsense, "broke half-way", True),
        (silence, "did not finish within", False),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_part_of_the_output_is_an_error(script: Script, problem: str, again: bool) -> None:
    with server(script) as url, pytest.raises(ExecError, match=problem) as caught:
        run(url, timeout=0.5)
    assert caught.value.again is again


@pytest.mark.parametrize(
    ("status", "problem", "again"),
    [
        (403, "get and create on pods/exec", False),
        (404, "status 404", False),
        (500, "status 500", True),
        (302, "status 302|Redirect", False),
    ],
)
def test_a_refusal_says_why(status: int, problem: str, again: bool) -> None:
    with server(half, status=status) as url, pytest.raises(ExecError, match=problem) as caught:
        run(url)
    if status != 302:
        assert caught.value.again is again
    assert SECRET not in str(caught.value)


def test_a_server_without_the_protocol() -> None:
    with server(half, protocol="") as url, pytest.raises(ExecError, match=r"v4\.channel"):
        run(url)


def test_nobody_there() -> None:
    with pytest.raises(ExecError) as caught:
        run("ws://127.0.0.1:1/")
    assert caught.value.again


def test_no_more_than_the_limit() -> None:
    def script(channels: Channels) -> None:
        channels.send(STDOUT, bytes(100_000))
        ended(channels)

    with server(script) as url, pytest.raises(ExecError, match="more than the 1000"):
        execute(
            WebSocketTarget(url, {"Authorization": f"Bearer {SECRET}"}, None, "", ""),
            b"",
            timeout=5,
            limit=1000,
        )


@contextmanager
def proxy(login: str) -> Iterator[tuple[str, list[str]]]:
    """An HTTP proxy that knows CONNECT; what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            self.close_connection = True
            asked.append(self.path)
            if self.headers["Proxy-Authorization"] != f"Basic {login}":
                self.send_error(407)
                return
            host, _, port = self.path.partition(":")
            with socket.create_connection((host, int(port))) as beyond:
                self.send_response(200)
                self.end_headers()
                back = Thread(target=pump, args=(beyond, self.connection))
                back.start()
                pump(self.connection, beyond)
                back.join()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{http.server_address[1]}", asked
        finally:
            http.shutdown()
            thread.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def test_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    with server(ended) as url, proxy("am9lOnAlMjA=") as (place, asked):
        through = WebSocketTarget(url, headers, None, "", f"http://joe:p%2520@{place}")
        assert execute(through, b"x", timeout=5).status == 0
        assert asked == [url.split("/")[2]]
        wrong = WebSocketTarget(url, headers, None, "", f"http://joe:no@{place}")
        with pytest.raises(ExecError, match="407"):
            execute(wrong, b"", timeout=5)
        socks = WebSocketTarget(url, headers, None, "", f"socks5://{place}")
        with pytest.raises(ExecError, match="proxy that speaks socks5"):
            execute(socks, b"", timeout=5)


def test_the_environments_proxy_is_not_the_kubeconfigs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with server(ended) as url:
        assert run(url).status == 0


def test_over_tls_with_the_name_that_is_asked_for(tmp_path: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", "key", "-out", "cert", "-subj", "/CN=api.example",
         "-addext", "subjectAltName=DNS:api.example"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    theirs = ssl.create_default_context(cafile=str(tmp_path / "cert"))
    headers = {"Authorization": f"Bearer {SECRET}"}
    with server(ended, tls=ours) as url:
        secure = url.replace("ws://", "wss://")
        assert execute(
            WebSocketTarget(secure, headers, theirs, "api.example", ""), b"", timeout=5
        ) == Executed(b"", "", 0)
        with pytest.raises(ExecError, match="certificate"):
            execute(WebSocketTarget(secure, headers, theirs, "", ""), b"", timeout=5)
