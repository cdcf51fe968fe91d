"""Wiring: from what was collected to something that answers."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.diagnose.world import Machine
from skoop.errors import EndpointError, UsageError
from skoop.model.disposition import Verdict
from skoop.model.request import Overrides, Request
from skoop.network.base import Collected, Context, Network
from skoop.network.session import Session
from skoop.provider.registry import Registry
from tests.diagnose.diagnosed import inventory, session
from tests.diagnose.worlds import cluster, world

PLAIN = Overrides(network_plugin="kindnet")


def ask(made: Session, src: str, dst: str, **fields: object) -> Verdict:
    fields.setdefault("overrides", PLAIN)
    return made.diagnose(Request(src=src, dst=dst, **fields)).verdict


ANSWERED = {
    "by number": ("pod/t/a1", "pod/t/b1", {"port": 80}),
    "bare names": ("a1", "b1", {"port": 80, "namespace": "t"}),
    "with the port in the name": ("t/a1", "10.244.2.2", {"port": 80}),
    "udp": ("t/a1", "t/b1", {"port": 53, "protocol": "udp"}),
    "icmp needs no port": ("t/a1", "t/b1", {"protocol": "icmp"}),
    "to a node": ("t/a1", "node/k2", {"port": 80}),
    "a fixed source port": ("t/a1", "t/b1", {"port": 80, "sport": 4000}),
}


@pytest.mark.parametrize(("src", "dst", "fields"), ANSWERED.values(), ids=ANSWERED.keys())
def test_answers(src: str, dst: str, fields: dict[str, object]) -> None:
    assert ask(session(cluster()), src, dst, **fields) is Verdict.REACHABLE


REFUSED = {
    "no such pod": ("t/zz", "t/b1", {"port": 80}, EndpointError),
    "no port": ("t/a1", "t/b1", {}, UsageError),
    "no such port name": ("t/a1", "t/b1", {"port": "http"}, UsageError),
    "no such plugin": (
        "t/a1",
        "t/b1",
        {"port": 80, "overrides": Overrides(network_plugin="nope")},
        UsageError,
    ),
}


@pytest.mark.parametrize(("src", "dst", "fields", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_questions_that_cannot_be_asked(
    src: str, dst: str, fields: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(session(cluster()), src, dst, **fields)


def test_one_session_answers_many_without_remembering() -> None:
    made = session(cluster())
    first = made.diagnose(Request(src="t/a1", dst="t/b1", port=80, overrides=PLAIN))
    ask(made, "t/a1", "t/a2", port=81)
    ask(made, "t/a2", "t/b1", port=53, protocol="udp")
    again = made.diagnose(Request(src="t/a1", dst="t/b1", port=80, overrides=PLAIN))
    assert again == first


def test_a_node_that_is_missing_is_said_and_the_rest_is_answered() -> None:
    spaces = {key: value for key, value in cluster().items() if not key.startswith("node/k2")}
    made = session(spaces)
    assert ask(made, "t/a1", "t/a2", port=80) is Verdict.REACHABLE
    assert ask(made, "t/a1", "t/b1", port=80) is Verdict.UNKNOWN


def test_every_provider_makes_a_network() -> None:
    spaces = cluster()
    machines = {"k1": Machine("k1", spaces["node/k1"])}
    collected = Collected(inventory(), machines, world(spaces), ())
    for provider in Registry.of().all():
        network = provider.create_network(Context(collected=collected))
        assert isinstance(network, Network)
        assert set(network.cluster.machines) == {"k1"}


@pytest.mark.parametrize(("chosen", "said"), [("", True), ("kindnet", False)])
def test_an_unknown_plugin_is_walked_as_plain_linux(chosen: str, said: bool) -> None:
    request = Request(src="t/a1", dst="t/b1", port=80, overrides=Overrides(network_plugin=chosen))
    spaces = {
        name: replace(each, links=tuple(link for link in each.links if link.name != "flannel.1"))
        for name, each in cluster("host-gw").items()
    }
    found = session(spaces).diagnose(request)
    notes = [each for each in found.not_checked if "network plugin" in each.what]
    assert (found.verdict, bool(notes)) == (Verdict.REACHABLE, said)
