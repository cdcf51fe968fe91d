"""What the API says of the pods asked about, and of nodes where nothing was collected."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skoop.diagnose.world import Machine
from skoop.model.diagnosis import Diagnosis
from skoop.model.disposition import Result, Verdict
from skoop.model.kube import Condition, Owner, Pod, PodContainer, Workload, build_inventory
from skoop.model.request import Overrides, Request
from skoop.network.base import Collected
from skoop.network.session import Session
from tests.diagnose.diagnosed import inventory
from tests.diagnose.worlds import change, cluster, world

_UNREADY = (
    Condition("Ready", "False"),
    Condition("ContainersReady", "False", "ContainersNotReady"),
)
_GATE = (Condition("Ready", "False"), Condition("shop/lb", "False", "NotRegistered"))
_CRASH = PodContainer(name="web", waiting="CrashLoopBackOff", restarts=7)

PODS: dict[str, tuple[dict[str, Any], str]] = {
    "not ready": ({"conditions": _UNREADY}, "container-not-ready"),
    "gate": ({"conditions": _GATE, "readiness_gates": ("shop/lb",)}, "readiness-gate-false"),
    "terminating": ({"deletion_timestamp": "2026-01-01T00:00:00Z"}, "pod-terminating"),
    "crashing": ({"containers": (_CRASH,), "conditions": _UNREADY}, "pod-crash-looping"),
    "evicted": ({"phase": "Failed", "reason": "Evicted"}, "pod-not-running"),
}


_AGENTS = Workload(kind="DaemonSet", namespace="kube-flannel", name="kube-flannel-ds", desired=2)


def _agent(node: str, *, ready: bool) -> Pod:
    return Pod(
        namespace="kube-flannel",
        name=f"kube-flannel-{node}",
        node=node,
        host_network=True,
        phase="Running",
        ready=ready,
        owner=Owner("DaemonSet", _AGENTS.name),
    )


def ask(
    *,
    listens: bool = True,
    seen: tuple[str, ...] = ("k1", "k2"),
    ready: tuple[str, ...] | None = None,
    agents: tuple[Pod, ...] = (),
    **pod: Any,
) -> Diagnosis:
    """a1 on k1 asks b1 on k2, which the API describes as given. `ready` are the nodes that are,
    those seen unless given; with `agents`, it is a cluster of flannel."""
    spaces = cluster()
    if not listens:
        spaces = change(spaces, "pod/t/b1", sockets=())
    spaces = {
        name: space
        for name, space in spaces.items()
        if ("k1" in seen or not name.startswith(("node/k1", "pod/t/a")))
        and ("k2" in seen or not name.startswith(("node/k2", "pod/t/b")))
    }
    known = inventory()
    well = seen if ready is None else ready
    status = {name: "True" if name in well else "Unknown" for name in ("k1", "k2")}
    objects = build_inventory(
        nodes=[
            replace(each, conditions=(Condition("Ready", status[each.name]),))
            for each in known.nodes
        ],
        pods=[
            *(replace(each, **pod) if each.name == "b1" else each for each in known.pods),
            *agents,
        ],
        daemon_sets=[_AGENTS] if agents else [],
    )
    machines = {
        f"k{n}": Machine(
            f"k{n}",
            spaces[f"node/k{n}"],
            tuple(s for s in spaces.values() if s.id.startswith(f"pod/t/{letter}")),
        )
        for n, letter in ((1, "a"), (2, "b"))
        if f"k{n}" in seen
    }
    plain = Overrides(network_plugin="flannel" if agents else "kindnet")
    request = Request(src="pod/t/a1", dst="pod/t/b1", port=80, overrides=plain)
    return Session(Collected(objects, machines, world(spaces), ())).diagnose(request)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_that_answers_all_the_same_is_remarked_on(name: str) -> None:
    fields, code = PODS[name]
    found = ask(**fields)
    assert found.verdict is Verdict.REACHABLE
    assert [(each.name, each.blocking) for each in found.suspicions] == [(code, False)]


@pytest.mark.parametrize("name", ["crashing", "evicted"])
def test_a_pod_that_does_not_run_is_why_nobody_answers(name: str) -> None:
    fields, code = PODS[name]
    found = ask(listens=False, **fields)
    assert found.verdict is Verdict.UNREACHABLE
    assert [each.name for each in found.suspicions] == [code, "nothing-listening"]
    assert found.suspicions[0].blocking


def test_what_is_shown_to_stop_it_comes_before_an_unready_container() -> None:
    found = ask(listens=False, conditions=_UNREADY)
    assert [each.name for each in found.suspicions] == ["nothing-listening", "container-not-ready"]


@pytest.mark.parametrize(
    ("phase", "code"), [("Pending", "pod-not-running"), ("Running", "pod-no-ip")]
)
def test_a_pod_without_address_cannot_be_reached(phase: str, code: str) -> None:
    found = ask(phase=phase, ips=())
    assert found.verdict is Verdict.UNREACHABLE
    assert [each.result for each in found.outcomes] == [Result.UNREACHABLE]
    assert (found.suspicions[0].name, found.suspicions[0].blocking) == (code, True)
    assert found.suspicions[0].message in found.summary


@pytest.mark.parametrize("seen", ["k1", "k2"])
def test_a_node_that_is_not_ready_is_named_where_nothing_was_collected(seen: str) -> None:
    found = ask(seen=(seen,))
    other = "k2" if seen == "k1" else "k1"
    assert found.verdict is Verdict.UNKNOWN
    assert [(each.name, each.where.name) for each in found.suspicions] == [
        ("node-not-ready", other)
    ]


@pytest.mark.parametrize("seen", ["k1", "k2"])
def test_an_agent_that_is_down_is_named_where_nothing_was_collected(seen: str) -> None:
    other = "k2" if seen == "k1" else "k1"
    agents = (_agent(seen, ready=True), _agent(other, ready=False))
    found = ask(seen=(seen,), ready=("k1", "k2"), agents=agents)
    assert found.verdict is Verdict.UNKNOWN
    about = [(each.name, each.where.name) for each in found.suspicions]
    assert about[0] == ("cni-agent-not-ready", other)
    assert ("node-not-ready", other) not in about


@pytest.mark.parametrize("seen", ["k1", "k2"])
def test_an_agent_that_is_not_there_is_named_where_nothing_was_collected(seen: str) -> None:
    other = "k2" if seen == "k1" else "k1"
    found = ask(seen=(seen,), agents=(_agent(seen, ready=True),))
    assert [(each.name, each.where.name) for each in found.suspicions][:2] == [
        ("node-not-ready", other),
        ("node-agent-down", other),
    ]
