"""tc and XDP on the way: what drops is named, what may drop leaves the answer open."""

from __future__ import annotations

import pytest

from skoop.model.disposition import Direction, Verdict
from skoop.netstack.state import Action, Shaping, TrafficControl
from tests.diagnose.diagnosed import diagnose
from tests.diagnose.worlds import change, cluster, with_link

NETEM = Shaping(Action.DROPS, "qdisc netem loss 100%", "qdisc netem 8001: dev x root loss 100%")
FILTER = Shaping(Action.DROPS, "a filter that drops everything", "filter matchall action drop")
PROGRAM = Shaping(Action.PROGRAM, "the BPF program cil_from_container", "filter bpf cil")
FORWARD, RETURN = Direction.FORWARD, Direction.RETURN

DROPS = {
    "out of the client": ("pod/t/a1", "eth0", {"egress": NETEM}, "t/a1", FORWARD),
    "into the client's node": ("node/k1", "veth1", {"ingress": FILTER}, "k1", FORWARD),
    "out of a bridge port": ("node/k2", "veth1", {"egress": NETEM}, "k2", FORWARD),
    "into a tunnel": ("node/k1", "flannel.1", {"egress": NETEM}, "k1", FORWARD),
    "out of the card": ("node/k2", "eth0", {"egress": NETEM}, "k2", RETURN),
    "out of the server": ("pod/t/b1", "eth0", {"egress": NETEM}, "t/b1", RETURN),
}


@pytest.mark.parametrize(
    ("space", "device", "shaping", "place", "direction"), DROPS.values(), ids=DROPS.keys()
)
def test_what_drops_everything(
    space: str, device: str, shaping: dict[str, Shaping], place: str, direction: Direction
) -> None:
    made = diagnose(
        change(cluster(), space, with_link(device, tc=TrafficControl(**shaping))), "a1", "b1"
    )
    first = made.suspicions[0]
    assert made.verdict is Verdict.UNREACHABLE
    assert (first.name, first.where.name, first.direction) == ("tc-drop", place, direction)
    (how,) = shaping.values()
    assert how.raw in first.evidence[0].text
    assert first.fix == f"tc qdisc del dev {device} {'root' if how is NETEM else 'clsact'}"


def test_two_pods_of_a_bridge() -> None:
    spaces = change(cluster(), "node/k1", with_link("veth2", tc=TrafficControl(egress=NETEM)))
    made = diagnose(spaces, "a1", "a2")
    assert (made.verdict, made.suspicions[0].name) == (Verdict.UNREACHABLE, "tc-drop")
    assert diagnose(spaces, "a1", "b1").verdict is Verdict.REACHABLE


@pytest.mark.parametrize("way", ["ingress", "egress"])
def test_a_program_is_named_as_what_leaves_the_answer_open(way: str) -> None:
    spaces = change(cluster(), "node/k1", with_link("veth1", tc=TrafficControl(**{way: PROGRAM})))
    made = diagnose(spaces, "a1", "b1")
    first = made.suspicions[0]
    assert (made.verdict, first.name, first.where.name) == (
        Verdict.UNKNOWN,
        "bpf-program-unmodelled",
        "k1",
    )
    assert "cil_from_container" in first.message


def test_a_program_elsewhere_does_not_matter() -> None:
    spaces = change(cluster(), "node/k1", with_link("veth2", tc=TrafficControl(PROGRAM, PROGRAM)))
    made = diagnose(spaces, "a1", "b1")
    assert (made.verdict, made.suspicions) == (Verdict.REACHABLE, ())


def test_what_may_drop_is_no_cause() -> None:
    loss = Shaping(Action.MAY_ACT, "qdisc netem loss 1%")
    spaces = change(cluster(), "node/k1", with_link("eth0", tc=TrafficControl(egress=loss)))
    made = diagnose(spaces, "a1", "b1")
    assert made.verdict is Verdict.UNKNOWN
    assert "tc-drop" not in {one.name for one in made.suspicions}
    assert any("loss 1%" in each.what + each.why for each in made.not_checked)
