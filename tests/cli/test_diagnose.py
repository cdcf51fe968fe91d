"""`skoop diagnose`: flags, exit codes, formats, batches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skoop.cli.batch import run_batch
from skoop.demo import Demo, Family
from skoop.model.request import Overrides, Request


@pytest.mark.parametrize(
    ("verdict", "code"), [("reachable", 0), ("unreachable", 1), ("partial", 1), ("unknown", 3)]
)
def test_exit_code_tells_the_verdict(verdict: str, code: int, run, session, snapshot: str) -> None:
    result = run("diagnose", "a", verdict, "--snapshot", snapshot)
    assert (result.code, result.err) == (code, "")
    assert result.out.startswith(verdict.upper())


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["a", "reachable"], Request(src="a", dst="reachable")),
        (["-s", "a", "-d", "reachable"], Request(src="a", dst="reachable")),
        (["--src", "a", "--dst", "reachable"], Request(src="a", dst="reachable")),
        (["a", "reachable", "-p", "80"], Request(src="a", dst="reachable", port=80)),
        (["a", "reachable", "--dport", "80"], Request(src="a", dst="reachable", port=80)),
        (["a", "reachable", "-p", "http"], Request(src="a", dst="reachable", port="http")),
        (["a", "reachable", "-n", "x"], Request(src="a", dst="reachable", namespace="x")),
        (
            ["a", "reachable", "--protocol", "UDP"],
            Request(src="a", dst="reachable", protocol="udp"),
        ),
        (
            ["a", "reachable", "--sport", "99", "--size", "1400", "--df"],
            Request(src="a", dst="reachable", sport=99, size=1400, df=True),
        ),
        (
            ["a", "reachable", "--cloud-provider", "generic"],
            Request(src="a", dst="reachable", provider="generic"),
        ),
        (
            ["a", "reachable", "--network-plugin", "flannel", "--proxy-mode", "ipvs",
             "--cluster-cidr", "10.0.0.0/8"],
            Request(src="a", dst="reachable",
                    overrides=Overrides("flannel", "ipvs", "10.0.0.0/8")),
        ),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)  # fmt: skip
def test_flags(flags: list[str], expected: Request, run, session, snapshot: str) -> None:
    assert run("diagnose", *flags, "--snapshot", snapshot).code == 0
    assert session.asked == [expected]


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["a", "b"], 4, "There is no kubeconfig"),
        (["a", "b", "--kubeconfig", "/nonexistent"], 4, "Cannot read the kubeconfig /nonexistent"),
        (["a", "b", "--context", "x"], 4, "There is no kubeconfig"),
        (["a", "b", "--context", "x", "--snapshot", "S"], 2, "different sources"),
        (["a", "b", "--request-timeout", "0"], 2, "above 0"),
        (["a", "b", "--max-nodes", "0"], 2, "above 0"),
        (["a", "b", "--snapshot", "/nonexistent"], 4, "/nonexistent"),
        (["a", "b", "--snapshot", "S", "--demo", "x"], 2, "different sources"),
        (["a", "b", "--demo", "x"], 2, "no demo 'x'"),
        (["a", "--snapshot", "S"], 2, "a destination are needed"),
        (["a", "b", "-s", "c", "--snapshot", "S"], 2, "Two sources"),
        (["a", "b", "-p", "0", "--snapshot", "S"], 2, "no port 0"),
        (["a", "b", "-p", "99999", "--snapshot", "S"], 2, "no port 99999"),
        (["a", "b", "--sport", "-1", "--snapshot", "S"], 2, "no port -1"),
        (["a", "b", "--size", "70000", "--snapshot", "S"], 2, "not 70000"),
        (["a", "b", "--protocol", "quic", "--snapshot", "S"], 2, "'quic'"),
        (["a", "b", "--provider", "acme", "--snapshot", "S"], 2, "'acme'"),
        (["a", "b", "-o", "pdf", "--snapshot", "S"], 2, "no output format 'pdf'"),
        (["a", "b", "-o", "text", "-o", "json", "--snapshot", "S"], 2, "--output-file"),
        (["a", "b", "--batch", "-", "--snapshot", "S"], 2, "each line names its own"),
        (["--batch", "-", "-o", "text", "--snapshot", "S"], 2, "JSON lines"),
        (["--batch", "/nonexistent", "--snapshot", "S"], 2, "/nonexistent"),
        (["a", "ambiguous", "--snapshot", "S"], 2, "and 2 more"),
        (["a", "defect", "--snapshot", "S"], 4, "SKOOP_DEBUG"),
        (["a", "reachable", "--snapshot", "S", "--output-file", "/no/f"], 2, "Cannot write"),
        (["a", "b", "--nope"], 2, "--nope"),
        (["\udcff", "b", "--snapshot", "S"], 2, "not valid text"),
    ],
    ids=lambda one: ascii(" ".join(one)) if isinstance(one, list) else "",
)  # fmt: skip
def test_refusals(flags: list[str], code: int, message: str, run, session, snapshot: str) -> None:
    result = run("diagnose", *(snapshot if one == "S" else one for one in flags))
    assert result.code == code
    assert message in result.err
    assert result.out == ""
    assert "Traceback" not in result.err


def test_debug_shows_the_defect(
    run, session, snapshot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKOOP_DEBUG", "1")
    with pytest.raises(KeyError):
        run("diagnose", "a", "defect", "--snapshot", snapshot)


def test_json(run, session, snapshot: str) -> None:
    result = run("diagnose", "a", "partial", "--snapshot", snapshot, "-o", "json")
    assert json.loads(result.out)["verdict"] == "partial"


def test_output_file(run, session, snapshot: str, tmp_path: Path) -> None:
    file = tmp_path / "answer"
    result = run("diagnose", "a", "reachable", "--snapshot", snapshot, "--output-file", str(file))
    assert (result.code, result.out) == (0, "")
    assert file.read_text().startswith("REACHABLE")


def test_several_formats(run, session, snapshot: str, tmp_path: Path) -> None:
    file = str(tmp_path / "answer.x")
    formats = [part for name in ("text", "json", "dot", "mermaid", "d2") for part in ("-o", name)]
    run("diagnose", "a", "reachable", "--snapshot", snapshot, *formats, "--output-file", file)
    assert sorted(one.name for one in tmp_path.glob("answer.*")) == [
        "answer.d2", "answer.dot", "answer.json", "answer.mmd", "answer.txt",
    ]  # fmt: skip


def batch(tmp_path: Path, *lines: str) -> str:
    file = tmp_path / "queries.jsonl"
    file.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    return str(file)


def test_batch(run, session, snapshot: str, tmp_path: Path) -> None:
    file = batch(
        tmp_path,
        '{"id": "q1", "src": "a", "dst": "reachable", "port": 80}',
        "",
        '{"id": 2, "src": "b", "dst": "unknown", "port": "443", "protocol": "udp", "size": 9}',
    )
    result = run("diagnose", "--batch", file, "--snapshot", snapshot, "-o", "json")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [(one["id"], one["verdict"]) for one in lines] == [("q1", "reachable"), (2, "unknown")]
    assert result.code == 3
    assert session.asked == [
        Request(src="a", dst="reachable", port=80),
        Request(src="b", dst="unknown", port=443, protocol="udp", size=9),
    ]


def test_batch_flags_are_defaults(run, session, snapshot: str, tmp_path: Path) -> None:
    file = batch(
        tmp_path,
        '{"src": "a", "dst": "reachable"}',
        '{"src": "a", "dst": "reachable", "protocol": "tcp", "size": 0}',
    )
    flags = ["--protocol", "udp", "--size", "9", "-n", "x"]
    run("diagnose", "--batch", file, "--snapshot", snapshot, *flags)
    assert session.asked == [
        Request(src="a", dst="reachable", protocol="udp", size=9, namespace="x"),
        Request(src="a", dst="reachable", namespace="x"),
    ]


@pytest.mark.parametrize(
    ("line", "query_id", "error", "code"),
    [
        ('{"id": "x", "src": "a"}', "x", "missing required field `dst`", 2),
        ('{"id": "x", "src": "a", "dst": "b", "prot": 1}', "x", "unknown field `prot`", 2),
        ('{"id": "x", "src": "a", "dst": "ambiguous"}', "x", "There are two.", 2),
        ('{"id": "x", "src": "a", "dst": "b", "port": 70000}', "x", "no port 70000", 2),
        ('{"id": "x", "src": "a", "dst": "defect"}', "x", "KeyError", 4),
        ("not json", None, "malformed", 2),
        ("\udcff", None, "Not a query", 2),
        ("[" * 100_000, None, "Not a query", 2),
        ("null", None, "Not a query", 2),
    ],
    ids=["no dst", "typo", "endpoint", "port", "defect", "text", "bytes", "deep", "null"],
)
def test_batch_error_is_a_line(
    line: str, query_id: str | None, error: str, code: int, run, session, snapshot: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    good = '{"id": "good", "src": "a", "dst": "unreachable"}'
    file = batch(tmp_path, line, good)
    result = run("diagnose", "--batch", file, "--snapshot", snapshot)
    first, second = (json.loads(text) for text in result.out.splitlines())
    assert set(first) == {"id", "error"}
    assert first["id"] == query_id and error in first["error"]
    assert (second["id"], second["verdict"]) == ("good", "unreachable")
    assert result.code == code


def test_batch_of_nothing(tmp_path: Path) -> None:
    assert run_batch(batch(tmp_path, ""), lambda _: None, lambda _: None) == 0  # type: ignore[arg-type]


SHOWN = Demo(
    name="lost", family=Family.DNS, shows="A lost thing.", file="__init__.py", src="a",
    dst="unreachable", port=53, protocol="udp",
)  # fmt: skip


@pytest.fixture
def a_demo(monkeypatch: pytest.MonkeyPatch, session, snapshot: str):
    import contextlib

    monkeypatch.setattr("skoop.demo.DEMOS", (SHOWN,))
    monkeypatch.setattr(Demo, "path", lambda self: contextlib.nullcontext(Path(snapshot)))
    return session


@pytest.mark.parametrize("flags", [["demo", "lost"], ["diagnose", "--demo", "lost"]], ids=" ".join)
def test_demo_asks_its_own_question(flags: list[str], run, a_demo) -> None:
    assert run(*flags).code == 1
    assert a_demo.asked == [Request(src="a", dst="unreachable", port=53, protocol="udp")]


def test_demo_with_another_question(run, a_demo) -> None:
    assert run("diagnose", "x", "reachable", "--demo", "lost").code == 0
    assert a_demo.asked == [Request(src="x", dst="reachable")]


def test_demo_formats(run, a_demo) -> None:
    assert json.loads(run("demo", "lost", "-o", "json").out)["verdict"] == "unreachable"


def test_demo_list(run, a_demo) -> None:
    listed = json.loads(run("demo", "-o", "json").out)
    assert listed == [{"name": "lost", "family": "Names (DNS)", "shows": "A lost thing."}]
    text = run("demo").out
    assert text.startswith("Names (DNS)\n  lost  A lost thing.\n")
    assert "skoop demo lost -v" in text


def test_demo_list_has_two_formats(run, a_demo) -> None:
    result = run("demo", "-o", "dot")
    assert result.code == 2 and "table and json" in result.err
