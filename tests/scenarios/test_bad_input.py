"""Whatever a snapshot holds: an answer or a clear refusal, soon, and never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from skoop.diagnose.flight import Delivered, Flight
from skoop.diagnose.plain_underlay import PlainUnderlay
from skoop.diagnose.world import Machine, World
from skoop.model.address import Family, parse_ip
from skoop.model.packet import Packet, Proto
from skoop.netstack.walk.events import Branch
from skoop.snapshot import decode_document, namespaces
from tests.scenarios import contradictions as wrong
from tests.scenarios.broken import QUESTION, Files, Said, diagnose, good, output, pack, rules, write
from tests.scenarios.contradictions import CONTRADICTIONS, Change

NODES = ("k1", "k2", "k3")
QUESTIONS = (
    QUESTION,
    ("pod/default/cli", "node/k3", "-p", "30080"),
    ("172.30.0.250", "node/k1", "-p", "30080"),
    ("node/k1", "10.244.3.2", "--protocol", "icmp"),
    ("pod/default/cli", "svc/kube-system/kube-dns", "-p", "53", "--protocol", "udp"),
)


def is_proper(said: Said) -> None:
    """An exit code of the contract, and either a result or a sentence."""
    assert said.code in (0, 1, 2, 3, 4)
    assert "Traceback" not in said.err
    if said.code in (2, 4):
        assert said.err.startswith("skoop: ")
        assert said.out == ""
    else:
        verdict = json.loads(said.out)["verdict"]
        assert said.code == {"reachable": 0, "unreachable": 1, "partial": 1, "unknown": 3}[verdict]


def test_the_good_one_is_good(tmp_path: Path) -> None:
    for number, question in enumerate(QUESTIONS):
        said = diagnose(write(good(), tmp_path / str(number)), *question)
        is_proper(said)
        assert said.err == ""


HARD = {"chains_that_double", "undecidable_everywhere", "marks_by_chance"}
"""Each answer takes a second or more: one question is enough."""


@pytest.mark.parametrize("change", CONTRADICTIONS, ids=lambda change: change.__name__)
def test_a_contradiction_is_survived(change: Change, tmp_path: Path) -> None:
    files = good()
    change(files)
    snapshot = write(files, tmp_path)
    for question in QUESTIONS[: 1 if change.__name__ in HARD else None]:
        is_proper(diagnose(snapshot, *question))


def said_of(change: Change, tmp_path: Path, *question: str) -> dict[str, Any]:
    files = good()
    change(files)
    said = diagnose(write(files, tmp_path), *question)
    assert said.out, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


# What has to be answered, and how: change, question, verdict, a word of why.
TELLING = [
    (wrong.source_node_not_collected, QUESTION, "unknown", "k1"),
    (wrong.destination_node_not_collected, QUESTION, "partial", "k3"),
    (wrong.no_node_collected, QUESTION, "unknown", "not collected"),
    (wrong.source_pod_not_collected, QUESTION, "unknown", "default/cli"),
    (wrong.host_not_collected, QUESTION, "unknown", "k1"),
    (wrong.nothing_collected_in_it, QUESTION, "unknown", "not collected"),
    (wrong.every_command_failed, QUESTION, "unknown", "not collected"),
    (wrong.every_output_is_garbage, QUESTION, "unknown", "not collected"),
    (wrong.undecidable_everywhere, QUESTION, "unknown", "cannot be decided"),
    (wrong.pod_on_a_node_that_is_not, QUESTION, "partial", ""),
]


@pytest.mark.parametrize(
    ("change", "question", "verdict", "why"), TELLING, ids=lambda one: getattr(one, "__name__", "")
)
def test_what_is_missing_is_said(
    change: Change, question: tuple[str, ...], verdict: str, why: str, tmp_path: Path
) -> None:
    said = said_of(change, tmp_path, *question)
    assert said["verdict"] == verdict
    assert why in json.dumps(said["not_checked"])


CIRCLES = [
    (wrong.routes_in_a_circle, ("pod/default/cli", "10.244.3.2", "-p", "8080")),
    (wrong.tunnels_in_a_circle, ("pod/default/cli", "10.244.3.2", "-p", "8080")),
    (wrong.tunnel_over_itself, ("pod/default/cli", "10.244.3.2", "-p", "8080")),
]


@pytest.mark.parametrize(
    ("change", "question"), CIRCLES, ids=lambda one: getattr(one, "__name__", "")
)
def test_a_packet_that_goes_in_circles_is_said_to(
    change: Change, question: tuple[str, ...], tmp_path: Path
) -> None:
    said = said_of(change, tmp_path, *question)
    assert said["verdict"] == "unreachable"
    assert "LOOP" in {trace["disposition"] for trace in said["traces"]}


def test_many_backends_are_no_circle() -> None:
    """A packet with many ways to go takes many steps without going round."""
    count = 500
    files = good()
    lines = [
        "-A OUTPUT -d 10.96.0.77/32 -p udp -m statistic --mode random --probability "
        f"{1 / (count - n):.10f} -j DNAT --to-destination 10.244.3.2:{10000 + n}"
        for n in range(count)
    ]
    rules(files, "nat", *lines)
    documents = [decode_document(json.dumps(files[f"nodes/{n}.json"]).encode(), n) for n in NODES]
    machines = []
    for document in documents:
        host, *pods = namespaces(document)
        machines.append(Machine(document.node, host, tuple(pods)))
    world = World.of(machines)
    flight = Flight(world, lambda world: PlainUnderlay(world, ()))
    packet = Packet(
        family=Family.V4, proto=Proto.UDP, src=parse_ip("172.30.0.11")[1],
        dst=parse_ip("10.96.0.77")[1], sport=40000, dport=53,
    )  # fmt: skip
    ends = flight.send(world.stacks["node/k1"], packet, Branch())
    assert [type(end) for end in ends] == [Delivered] * count


def test_nothing_at_all(tmp_path: Path) -> None:
    said = diagnose(tmp_path)
    assert said.code == 4
    assert str(tmp_path) in said.err


@pytest.mark.parametrize("kept", [0, 1, 10, 100, 0.3, 0.6, 0.9, -20, -1])
def test_a_truncated_archive(kept: float, tmp_path: Path) -> None:
    whole = pack(good(), tmp_path / "whole.tar.gz").read_bytes()
    archive = tmp_path / "cut.tar.gz"
    archive.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    said = diagnose(archive)
    is_proper(said)
    assert said.code == 4
    assert "cut.tar.gz" in said.err


@pytest.mark.parametrize("at", [0.0, 0.2, 0.5, 0.8, 0.99])
def test_a_damaged_archive(at: float, tmp_path: Path) -> None:
    data = bytearray(pack(good(), tmp_path / "whole.tar.gz").read_bytes())
    data[int(at * len(data))] ^= 0xFF
    archive = tmp_path / "bent.tar.gz"
    archive.write_bytes(data)
    said = diagnose(archive)
    is_proper(said)
    assert said.code == 4
    assert "bent.tar.gz" in said.err


NAMES = sorted(good())
READ = [name for name in NAMES if name not in ("snapshot.json", "cluster/version.json")]
"""The manifest's fields may all be missing; of the version nothing depends."""


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"[]", b"null", b"{", b'{"items": 3}', b"\xff\xfe{}", b"{}" * 2],
    ids=ascii,
)  # fmt: skip
@pytest.mark.parametrize("name", READ)
def test_a_file_of_something_else(name: str, content: bytes, tmp_path: Path) -> None:
    files = good()
    files[name] = content
    said = diagnose(write(files, tmp_path))
    is_proper(said)
    assert said.code == 4
    assert name in said.err


@pytest.mark.parametrize(
    ("name", "path", "value", "field"),
    [
        ("nodes/k1.json", ("node",), "k2", "field node"),
        ("nodes/k1.json", ("node",), 7, "$.node"),
        ("nodes/k1.json", ("format",), 99, "format 99"),
        ("nodes/k1.json", ("namespaces",), {}, "$.namespaces"),
        ("nodes/k1.json", ("namespaces", 1, "pod"), "", "namespaces[1]"),
        ("nodes/k1.json", ("namespaces", 0, "outputs"), [], "namespaces[0].outputs"),
        ("nodes/k1.json", ("namespaces", 0, "inode"), "x", "namespaces[0].inode"),
        ("snapshot.json", ("format",), 99, "format 99"),
        ("cluster/pods.json", ("items", 0, "spec"), [], "spec"),
        ("cluster/pods.json", ("items", 0, "metadata", "name"), 5, "metadata.name"),
        ("cluster/services.json", ("items", 0, "spec", "ports"), "80", "spec.ports"),
        ("cluster/nodes.json", ("items", 0, "status"), "up", "status"),
    ],
    ids=lambda one: ".".join(map(str, one)) if isinstance(one, tuple) else "",
)
def test_a_field_of_something_else(
    name: str, path: tuple[Any, ...], value: object, field: str, tmp_path: Path
) -> None:
    files = good()
    place = files[name]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    said = diagnose(write(files, tmp_path))
    is_proper(said)
    assert said.code == 4
    assert name in said.err
    assert field in said.err


# --- chance -----------------------------------------------------------------------------------

_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(
        ["10.244.1.7", "fd00::1", "0.0.0.0/0", "eth0", "cni0", "flannel.1", "k1", "main", "-1", ""]
    ),
    st.just([]),
    st.just({}),
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, each in value.items():
            found += _places(each, (*path, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            found += _places(each, (*path, number))
    return found


def _put(value: Any, path: tuple[Any, ...], new: object) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


JSON_COMMANDS = (
    "bridge -j fdb", "bridge -j link", "ip -j -4 route show table all", "ip -j -d link",
    "ip -j addr", "ip -j neigh", "ip -j rule",
)  # fmt: skip


class Mutation(Struct, frozen=True):
    """A value to put into a file; `at` draws the place among all there are. With a command, into
    the JSON that it printed in the namespace drawn by `dump`."""

    name: str
    at: int
    value: object
    dump: int = 0
    command: str = ""

    def apply(self, files: Files) -> None:
        content = files[self.name]
        if not self.command or not isinstance(content, dict) or "namespaces" not in content:
            self._put(content)
            return
        dumps = content["namespaces"]
        try:
            out = dumps[self.dump % len(dumps)]["outputs"][self.command]
            told = json.loads(out["stdout"])
            self._put(told)
            out["stdout"] = json.dumps(told)
        except (LookupError, TypeError, ValueError):
            return  # An earlier mutation has broken the way there.

    def _put(self, content: Any) -> None:
        places = _places(content)
        if places:
            _put(content, places[self.at % len(places)], self.value)


_MUTATIONS = st.lists(
    st.builds(
        Mutation,
        name=st.sampled_from(NAMES),
        at=st.integers(0, 10**6),
        value=_ODD,
        dump=st.integers(0, 20),
        command=st.sampled_from(("", *JSON_COMMANDS)),
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=100,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(mutations=_MUTATIONS)
def test_chance_changes(
    mutations: list[Mutation], tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = good()
    for mutation in mutations:
        mutation.apply(files)
    said = diagnose(write(files, tmp_path_factory.mktemp("mutated")))
    is_proper(said)
    if said.code == 4:
        assert any(Path(name).name.partition(".")[0] in said.err for name in NAMES)


@settings(
    max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck),
    database=None,
)  # fmt: skip
@given(data=st.data())
def test_chance_changes_of_rules(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Lines of iptables-save lost, doubled, moved and cut."""
    files = good()
    saved = output(files, "iptables-legacy-save")
    lines = saved["stdout"].splitlines()
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(lines) - 1))
        how = data.draw(st.sampled_from(("lose", "double", "move", "cut")))
        line = lines.pop(at)
        if how == "double":
            lines[at:at] = [line, line]
        elif how == "move":
            lines.insert(data.draw(st.integers(0, len(lines))), line)
        elif how == "cut":
            lines.insert(at, line[: data.draw(st.integers(0, len(line)))])
    saved["stdout"] = "\n".join(lines) + "\n"
    is_proper(diagnose(write(files, tmp_path_factory.mktemp("rules"))))
