"""`skoop view` and `--serve`."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from skoop.cli.main import main
from skoop.cli.serve import page_server
from skoop.report.document import ResultDoc
from skoop.report.json import read


@pytest.fixture(scope="module")
def result_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("view") / "result.json"
    assert main(["demo", "fdb-missing", "-o", "json", "--output-file", str(path)]) == 1
    return path


@pytest.fixture(scope="module")
def result(result_file: Path) -> ResultDoc:
    return read(result_file.read_bytes(), str(result_file))


@pytest.mark.parametrize("form", ["text", "json", "dot", "mermaid", "svg", "markdown", "sarif"])
def test_a_result_seen_again_is_the_same(form: str, result_file: Path, capsys) -> None:
    assert main(["demo", "fdb-missing", "-o", form]) == 1
    first = capsys.readouterr().out
    assert main(["view", str(result_file), "-o", form]) == 0
    assert capsys.readouterr().out == first


def changed(**fields: object) -> str:
    return json.dumps({"schema_version": 1, **fields})


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        ("", 4, "not a result"),
        ("[]", 4, "not a result"),
        (changed(verdict="odd"), 4, "missing required field"),
        ('{"id": 1, "error": "no"}', 4, "not a result"),
        ("\ud800", 4, "not a result"),
    ],
    ids=["empty", "another shape", "a field missing", "an error line", "not text"],
)
def test_what_is_no_result(content: str, code: int, said: str, tmp_path: Path, capsys) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    assert main(["view", str(path)]) == code
    message = capsys.readouterr().err
    assert "bad.json" in message and said in message


def test_a_later_schema_is_refused(result_file: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "later.json"
    path.write_text(json.dumps(json.loads(result_file.read_text()) | {"schema_version": 2}))
    assert main(["view", str(path)]) == 4
    assert "schema_version 2" in capsys.readouterr().err


def test_no_such_file(capsys) -> None:
    assert main(["view", "/nonexistent.json"]) == 2
    assert "Cannot read /nonexistent.json" in capsys.readouterr().err


@pytest.fixture
def server(result: ResultDoc) -> Iterator[ThreadingHTTPServer]:
    one = page_server(result, "127.0.0.1:0")
    thread = threading.Thread(target=one.serve_forever, daemon=True)
    thread.start()
    yield one
    one.shutdown()
    one.server_close()
    thread.join()


def fetch(server: ThreadingHTTPServer, path: str, host: str = "") -> tuple[int, str]:
    port = server.server_address[1]
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if host:
        request.add_header("Host", host)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", "", 200),
        ("/", "localhost:80", 200),
        ("/", "evil.example:80", 403),
        ("/etc/passwd", "", 404),
    ],
)
def test_one_page_for_those_who_ask_here(
    path: str, host: str, status: int, server: ThreadingHTTPServer
) -> None:
    code, body = fetch(server, path, host)
    assert code == status
    assert ("fdb-missing" in body) is (status == 200)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "127.0.0.1:0"], "give both"),
        (["--serve", "--listen", "8080"], "HOST:PORT"),
        (["--serve", "--listen", "host:99999"], "HOST:PORT"),
        (["--verbose", "--quiet"], "exclude each other"),
    ],
)
def test_flags_that_do_not_fit(arguments: list[str], said: str, result_file: Path, capsys) -> None:
    assert main(["view", str(result_file), *arguments]) == 2
    assert said in capsys.readouterr().err
