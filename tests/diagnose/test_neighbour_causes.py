"""Next hops that cannot be asked, or that no room is left for; and hosts that answer no ping."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.disposition import Verdict
from skoop.netstack.state import Namespace
from tests.diagnose.diagnosed import diagnose
from tests.diagnose.worlds import (
    A2,
    Change,
    change,
    cluster,
    pod_mac,
    with_link,
    with_port,
    with_sysctls,
)
from tests.netstack.builders import neighbour


def entries(*made: tuple[str, str, str, str]) -> Change:
    new = tuple(neighbour(*each) for each in made)
    return lambda space: replace(space, neighbours=(*space.neighbours, *new))


STRANGER = "10.244.1.99"
UNANSWERED = {
    "being asked for": ((STRANGER, "cni0", "", "INCOMPLETE"), "neighbour-incomplete"),
    "given up": ((STRANGER, "cni0", "", "FAILED"), "neighbour-failed"),
}


@pytest.mark.parametrize(("entry", "name"), UNANSWERED.values(), ids=UNANSWERED.keys())
def test_a_next_hop_that_has_not_answered(entry: tuple[str, str, str, str], name: str) -> None:
    made = diagnose(change(cluster(), "node/k1", entries(entry)), "k1", STRANGER)
    first = made.suspicions[0]
    assert (made.verdict, first.name, first.where.name) == (Verdict.UNREACHABLE, name, "k1")
    assert entry[3] in "".join(each.text for each in first.evidence)


def test_an_entry_of_another_next_hop_is_no_cause() -> None:
    spaces = change(cluster(), "node/k1", entries((STRANGER, "cni0", "", "INCOMPLETE")))
    assert diagnose(spaces, "a1", "b1").suspicions == ()


def test_a_gateway_outside_that_has_not_answered() -> None:
    spaces = change(cluster(), "node/k1", entries(("172.30.0.254", "eth0", "", "INCOMPLETE")))
    made = diagnose(spaces, "k1", "192.0.2.1")
    assert (made.verdict, made.suspicions[0].name) == (
        Verdict.UNREACHABLE,
        "neighbour-incomplete",
    )


SUPPRESSED = {
    "ARP off": ("pod/t/a2", with_link("eth0", arp=False), "t/a2"),
    "a port without broadcasts": ("node/k1", with_port("veth2", bcast_flood=False), "t/a1"),
}


@pytest.mark.parametrize(("space", "apply", "place"), SUPPRESSED.values(), ids=SUPPRESSED.keys())
def test_requests_that_do_not_get_through(space: str, apply: Change, place: str) -> None:
    made = diagnose(change(cluster(), space, apply), "a1", "a2")
    first = made.suspicions[0]
    assert (made.verdict, first.name, first.where.name) == (
        Verdict.UNREACHABLE,
        "arp-suppressed",
        place,
    )


REACHED = {
    "the bridge's own requests": ("k1", ()),
    "who is remembered": ("a1", ((A2, "eth0", pod_mac(1, 2), "STALE"),)),
}


@pytest.mark.parametrize(("source", "known"), REACHED.values(), ids=REACHED.keys())
def test_a_port_without_broadcasts_still_gets(
    source: str, known: tuple[tuple[str, str, str, str], ...]
) -> None:
    spaces = change(cluster(), "node/k1", with_port("veth2", bcast_flood=False))
    spaces = change(spaces, "pod/t/a1", entries(*known))
    made = diagnose(spaces, source, "a2")
    assert (made.verdict, made.suspicions) == (Verdict.REACHABLE, ())


def crowded(soft: int, hard: int, count: int = 20, state: str = "STALE") -> Change:
    """A host with so many entries, and these limits."""
    many = tuple((f"172.30.9.{n}", "eth0", f"02:00:00:00:09:{n:02x}", state) for n in range(count))
    thresh = "net__ipv4__neigh__default__gc_thresh"

    def apply(space: Namespace) -> Namespace:
        limited = with_sysctls(**{f"{thresh}2": str(soft), f"{thresh}3": str(hard)})(space)
        return entries(*many)(limited)

    return apply


def test_a_full_table_has_no_room_for_the_next_hop() -> None:
    made = diagnose(change(cluster(), "node/k1", crowded(10, 20)), "a1", "b1")
    first = made.suspicions[0]
    assert (made.verdict, first.name, first.where.name, first.blocking) == (
        Verdict.UNKNOWN,
        "neighbour-table-full",
        "k1",
        True,
    )
    assert "gc_thresh3 = 20" in "".join(each.text for each in first.evidence)


@pytest.mark.parametrize("known", [False, True])
def test_a_tunnel_has_its_neighbours_too(known: bool) -> None:
    """k1 has all others that the way needs; tunl0's one for all may be there or not."""
    gateway = entries(("10.244.1.1", "eth0", "02:00:00:00:cc:01", "STALE"))
    spaces = change(cluster(backend="ipip"), "node/k1", crowded(10, 20), known_to_all)
    if known:
        spaces = change(spaces, "node/k1", entries(("0.0.0.0", "tunl0", "", "NOARP")))
    made = diagnose(change(spaces, "pod/t/a1", gateway), "a1", "b1")
    assert made.verdict is (Verdict.REACHABLE if known else Verdict.UNKNOWN)


def test_older_kernels_need_an_entry_for_lo_too() -> None:
    spaces = change(cluster(), "node/k1", crowded(10, 20))
    made = diagnose(spaces, "a1", "a1")
    assert (made.verdict, made.suspicions[0].name) == (Verdict.UNKNOWN, "neighbour-table-full")


def known_to_all(space: Namespace) -> Namespace:
    """The next hops of k1 and its pod towards b1."""
    pods = ((f"10.244.1.{n + 1}", "cni0", pod_mac(1, n), "STALE") for n in (1, 2))
    return entries(*pods, ("172.30.0.2", "eth0", "02:00:00:00:00:02", "STALE"))(space)


def test_who_is_in_the_table_is_reached() -> None:
    spaces = change(cluster(), "node/k1", crowded(10, 20), known_to_all)
    gateway = entries(("10.244.1.1", "eth0", "02:00:00:00:cc:01", "STALE"))
    made = diagnose(change(spaces, "pod/t/a1", gateway), "a1", "b1")
    assert made.verdict is Verdict.REACHABLE
    assert [(one.name, one.blocking) for one in made.suspicions] == [
        ("neighbour-table-full", False)
    ]


def one_more(**fields: object) -> Change:
    """k1 has another entry, of this kind."""
    made = neighbour("172.30.9.99", "eth0", "02:00:00:00:09:99", "STALE")
    return lambda space: replace(space, neighbours=(*space.neighbours, replace(made, **fields)))


MAKES_ROOM = {
    "it failed": ({"state": "FAILED", "mac": ""}, True),
    "it needs no asking": ({"state": "NOARP"}, True),
    "nobody used it for a while": ({"idle": 5}, True),
    "it has just changed": ({"idle": 4}, False),
    "it is being asked for": ({"state": "INCOMPLETE", "mac": "", "idle": 60}, False),
    "a program's is not counted": ({"learned": True}, True),
    "the loopback's is not counted": ({"device": "lo"}, True),
}


@pytest.mark.parametrize(("fields", "room"), MAKES_ROOM.values(), ids=MAKES_ROOM.keys())
def test_the_last_entry_of_a_full_table(fields: dict[str, object], room: bool) -> None:
    spaces = change(cluster(), "node/k1", crowded(10, 20, 19, "REACHABLE"), one_more(**fields))
    made = diagnose(spaces, "a1", "b1")
    assert made.verdict is (Verdict.REACHABLE if room else Verdict.UNKNOWN)
    assert made.suspicions[0].name == ("gc-thresh-low" if room else "neighbour-table-full")


def test_one_that_makes_room_does_not_bring_a_table_below_its_limit() -> None:
    spaces = change(cluster(), "node/k1", crowded(10, 20, 20, "REACHABLE"), one_more(idle=60))
    assert diagnose(spaces, "a1", "b1").suspicions[0].name == "neighbour-table-full"


def test_entries_that_are_not_counted_fill_nothing() -> None:
    made = diagnose(change(cluster(), "node/k1", crowded(10, 20, state="PERMANENT")), "a1", "b1")
    assert (made.verdict, made.suspicions) == (Verdict.REACHABLE, ())


CROWDED = {"beyond the soft limit": (10, ["gc-thresh-low"]), "room enough": (1000, [])}


@pytest.mark.parametrize(("soft", "names"), CROWDED.values(), ids=CROWDED.keys())
def test_a_limit_that_is_low(soft: int, names: list[str]) -> None:
    made = diagnose(change(cluster(), "node/k1", crowded(soft, 5000)), "a1", "b1")
    assert made.verdict is Verdict.REACHABLE
    assert [one.name for one in made.suspicions] == names


def ping_off(space: Namespace) -> Namespace:
    return with_sysctls(net__ipv4__icmp_echo_ignore_all="1")(space)


def test_a_host_that_answers_no_ping() -> None:
    spaces = change(cluster(), "pod/t/b1", ping_off)
    made = diagnose(spaces, "a1", "b1", 0, protocol="icmp")
    first = made.suspicions[0]
    assert (made.verdict, first.name, first.where.name) == (
        Verdict.UNREACHABLE,
        "icmp-echo-ignored",
        "t/b1",
    )
    assert diagnose(spaces, "a1", "b1").suspicions == ()
    assert diagnose(spaces, "b1", "a1", 0, protocol="icmp").verdict is Verdict.REACHABLE
