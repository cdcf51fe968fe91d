"""Translated connections: there, back, and with half of it missing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.disposition import Verdict
from skoop.netstack.conntrack import CtStatus
from skoop.netstack.netfilter import Ruleset
from skoop.netstack.state import CtTable, Namespace, NextHop
from skoop.netstack.walk.events import Reason
from tests.diagnose.worlds import (
    A1,
    A2,
    B1,
    B2,
    K1,
    K2,
    VIP,
    Spaces,
    ask,
    change,
    cluster,
    failed,
    reasons,
    result,
    results,
    seen_source,
    to,
    with_port,
    with_routes,
    with_rules,
    with_sysctls,
    without_routes,
)
from tests.netstack.builders import ct_entry, iptables, listen, rule

BRIDGED = with_sysctls(**{"net__bridge__bridge-nf-call-iptables": "1"})


def service(*backends: str, hairpin: bool = True) -> Ruleset:
    """kube-proxy's way: entry, random choice, mark and masquerade of what comes back to itself."""
    rules = [f"-t nat -A {hook} -j SVC" for hook in ("PREROUTING", "OUTPUT")]
    for number, backend in enumerate(backends):
        left = len(backends) - number
        chance = f"-m statistic --mode random --probability {1 / left:.6f} " if left > 1 else ""
        rules.append(f"-t nat -A SVC -d {VIP}/32 -p tcp --dport 80 {chance}-j SEP{number}")
        if hairpin:
            rules.append(f"-t nat -A SEP{number} -s {backend}/32 -j MARK --set-xmark 0x4000/0x4000")
        rules.append(f"-t nat -A SEP{number} -p tcp -j DNAT --to-destination {backend}:80")
    rules.append("-t nat -A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE")
    return iptables(*rules)


def with_service(*backends: str, bridged: bool = True, hairpin: bool = True) -> Spaces:
    spaces = cluster()
    for node in ("node/k1", "node/k2"):
        spaces = change(spaces, node, with_rules(service(*backends, hairpin=hairpin)))
        if bridged:
            spaces = change(spaces, node, BRIDGED)
    return spaces


def servers(spaces: Spaces, source: str) -> dict[str, float]:
    settled = ask(spaces, source, f"{VIP}:80")
    return {row.server: round(row.weight, 3) for row in settled.rows if row.result.value == "ok"}


SERVED = {
    "remote": ((B1,), "a1", {"pod/t/b1": 1.0}),
    "on the same bridge": ((A2,), "a1", {"pod/t/a2": 1.0}),
    "itself": ((A1,), "a1", {"pod/t/a1": 1.0}),
    "two": ((A2, B1), "a1", {"pod/t/a2": 0.5, "pod/t/b1": 0.5}),
    "three, itself among them": (
        (A1, A2, B1), "a1", {"pod/t/a1": 0.333, "pod/t/a2": 0.333, "pod/t/b1": 0.333}),
    "from the node": ((A1, B1), "k1", {"pod/t/a1": 0.5, "pod/t/b1": 0.5}),
    "hostNetwork backend": ((K2,), "a1", {"node/k2": 1.0}),
    "hostNetwork backend on the own node": ((K1,), "a1", {"node/k1": 1.0}),
}  # fmt: skip


@pytest.mark.parametrize(("backends", "source", "expected"), SERVED.values(), ids=SERVED.keys())
def test_backends_answer_by_weight(
    backends: tuple[str, ...], source: str, expected: dict[str, float]
) -> None:
    assert servers(with_service(*backends), source) == pytest.approx(expected, abs=0.002)


def test_one_dead_backend_of_two_is_partial() -> None:
    spaces = change(with_service(A2, B1), "pod/t/b1", sockets=())
    settled = ask(spaces, "a1", f"{VIP}:80")
    assert settled.verdict is Verdict.PARTIAL
    assert results(settled) == {"ok": 0.5, "refused": 0.5}


def test_both_dead_in_different_ways_is_unreachable() -> None:
    spaces = change(with_service(A2, B1), "pod/t/b1", sockets=())
    spaces = change(spaces, "pod/t/a2", with_rules(iptables("-A INPUT -j DROP")))
    settled = ask(spaces, "a1", f"{VIP}:80")
    assert settled.verdict is Verdict.UNREACHABLE
    assert results(settled) == {"timeout": 0.5, "refused": 0.5}


def test_without_bridge_nf_call_the_answer_bypasses_the_translation() -> None:
    """The backend's answer stays on the bridge, and the client does not know the sender."""
    settled = ask(with_service(A2, bridged=False), "a1", f"{VIP}:80")
    assert settled.verdict is Verdict.UNREACHABLE
    assert failed(settled)[0].server == "pod/t/a2"
    assert result(ask(with_service(B1, bridged=False), "a1", f"{VIP}:80")) == "ok"


def test_hairpin_off_on_the_port() -> None:
    spaces = change(with_service(A1), "node/k1", with_port("veth1", hairpin=False))
    settled = ask(spaces, "a1", f"{VIP}:80")
    assert result(settled) == "timeout"
    assert Reason.HAIRPIN in reasons(settled)


def test_hairpin_without_masquerade() -> None:
    """The pod would get a packet from its own address."""
    settled = ask(with_service(A1, hairpin=False), "a1", f"{VIP}:80")
    assert result(settled) == "timeout"
    assert Reason.MARTIAN_SOURCE in reasons(settled)


SEEN = {
    "remote backend, not masqueraded": ((B1,), "a1", A1),
    "itself: the bridge": ((A1,), "a1", "10.244.1.1"),
    "node to a remote pod: the tunnel": ((B1,), "k1", K1),
}


def test_masquerade_shows_the_bridge_to_the_backend_itself() -> None:
    assert seen_source(ask(with_service(A1), "a1", f"{VIP}:80")) == "10.244.1.1"
    assert seen_source(ask(with_service(B1), "a1", f"{VIP}:80")) == A1


MASQUERADED = {
    "to the own node's pod": (A1, "10.244.1.1"),
    "through the tunnel": (B1, "10.244.1.0"),
    "to a hostNetwork server": (K2, K1),
}


@pytest.mark.parametrize(("target", "source"), MASQUERADED.values(), ids=MASQUERADED.keys())
def test_masquerade_takes_the_address_of_the_way_out(target: str, source: str) -> None:
    """Seen on the real cluster."""
    rules = iptables("-t nat -A POSTROUTING -j MASQUERADE")
    spaces = change(cluster(), "node/k1", with_rules(rules), BRIDGED)
    assert seen_source(ask(spaces, "a2", f"{target}:80")) == source


def test_isolated_ports_keep_pods_from_a_common_backend() -> None:
    isolated = (with_port("veth1", isolated=True), with_port("veth2", isolated=True))
    settled = ask(change(with_service(A2), "node/k1", *isolated), "a1", f"{VIP}:80")
    assert result(settled) != "ok"


def test_forward_decides_about_bridged_pods_only_with_br_netfilter() -> None:
    drop = with_rules(iptables("-A FORWARD -j DROP"))
    assert result(ask(change(cluster(), "node/k1", drop), "a1", f"{A2}:80")) == "ok"
    spaces = change(cluster(), "node/k1", drop, BRIDGED)
    assert result(ask(spaces, "a1", f"{A2}:80")) == "timeout"


def test_a_rejected_bridged_packet_answers() -> None:
    reject = with_rules(iptables("-A FORWARD -j REJECT"))
    spaces = change(cluster(), "node/k1", reject, BRIDGED)
    assert result(ask(spaces, "a1", f"{A2}:80")) == "refused"


def test_an_error_on_a_translated_flow_reaches_the_client() -> None:
    """The server's node rejects; the client's node turns the quoted packet back."""
    spaces = change(with_service(B1), "node/k2", with_rules(iptables("-A FORWARD -j REJECT")))
    assert result(ask(spaces, "a1", f"{VIP}:80")) == "refused"


def test_nobody_translates() -> None:
    spaces = cluster()
    settled = ask(spaces, "a1", f"{VIP}:80")
    assert settled.verdict is Verdict.UNKNOWN
    assert Reason.FAR_END in reasons(settled)


def test_notrack_in_prerouting_disables_the_service() -> None:
    rules = iptables(f"-t raw -A PREROUTING -d {VIP}/32 -j CT --notrack")
    spaces = change(with_service(B1), "node/k1", with_rules(rules))
    assert result(ask(spaces, "a1", f"{VIP}:80")) != "ok"


def test_notrack_of_the_answers_leaves_the_backends_address() -> None:
    rules = iptables(f"-t raw -A PREROUTING -s {B1}/32 -j CT --notrack")
    spaces = change(with_service(B1), "node/k1", with_rules(rules))
    settled = ask(spaces, "a1", f"{VIP}:80")
    assert result(settled) == "timeout"
    assert settled.rows[0].server == "pod/t/b1"


def test_invalid_drop_hits_the_answer_of_an_asymmetric_path() -> None:
    """k2 sees only SYN-ACKs: with its way there around it, they are INVALID."""
    guard = iptables("-A FORWARD -m conntrack --ctstate INVALID -j DROP")
    around = rule(10, target="7", destination="10.244.2.2/32", iif="cni0")
    assert around.iif
    spaces = change(cluster(), "node/k2", with_rules(guard))
    notrack = iptables("-t raw -A PREROUTING -s 10.244.1.0/24 -j CT --notrack")
    settled = ask(change(spaces, "node/k2", with_rules(notrack)), "a1", f"{B1}:80")
    assert result(settled) == "timeout"
    assert Reason.RULE in reasons(settled)
    assert result(ask(spaces, "a1", f"{B1}:80")) == "ok"


STALE = ct_entry(f"udp {A1}:5000 {VIP}:53", f"udp 10.244.1.99:53 {A1}:5000", status=CtStatus.DNAT)


@pytest.mark.parametrize(("sport", "expected"), [(5000, "unreachable"), (5001, "ok")])
def test_a_stale_udp_entry_keeps_the_old_backend(sport: int, expected: str) -> None:
    rules = iptables(f"-t nat -A PREROUTING -d {VIP}/32 -p udp -j DNAT --to-destination {B1}")
    spaces = change(cluster(), "node/k1", with_rules(rules), conntrack=CtTable((STALE,), 1, 1000))
    settled = ask(spaces, "a1", f"{VIP}:53", proto="udp", sport=sport)
    assert result(settled) == expected


def ecmp(space: Namespace) -> Namespace:
    """Half of the connections to k2's pods take a next hop that nobody has."""
    routes = tuple(
        replace(
            each,
            nexthops=(*each.nexthops, NextHop("flannel.1", (each.destination.family, 1))),
        )
        if str(each.destination) == "10.244.2.0/24"
        else each
        for each in space.routes
    )
    return replace(space, routes=routes)


def test_ecmp_with_one_bad_next_hop_is_partial() -> None:
    settled = ask(change(cluster(), "node/k1", ecmp), "a1", f"{B1}:80")
    assert settled.verdict is Verdict.PARTIAL
    assert results(settled)["ok"] == 0.5


def test_redirect_to_a_sidecar() -> None:
    rules = iptables("-t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 15006")
    spaces = change(cluster(), "pod/t/b1", with_rules(rules))
    assert result(ask(spaces, "a1", f"{B1}:80")) == "refused"
    spaces = change(spaces, "pod/t/b1", sockets=(listen("tcp 0.0.0.0:15006"),))
    assert result(ask(spaces, "a1", f"{B1}:80")) == "ok"


def test_a_transparent_proxy_answers_in_the_servers_name() -> None:
    """TPROXY on the node: its socket speaks with the destination's address."""
    tproxy = "-t mangle -A PREROUTING -i cni0 -p tcp --dport 80 -j TPROXY --on-port 15006"
    spaces = change(
        cluster(),
        "node/k1",
        with_rules(iptables(f"{tproxy} --tproxy-mark 1/1")),
        with_routes("local 0.0.0.0/0 dev lo table 100"),
        lambda s: replace(s, rules=(*s.rules, rule(100, target="100", fwmark=(1, 1)))),
        sockets=(listen("tcp 0.0.0.0:15006"),),
    )
    settled = ask(spaces, "a1", f"{B1}:80")
    assert (result(settled), settled.rows[0].server) == ("ok", "node/k1")


def test_netmap_moves_a_whole_network() -> None:
    rules = iptables("-t nat -A PREROUTING -d 10.99.2.0/24 -j NETMAP --to 10.244.2.0/24")
    spaces = change(cluster(), "node/k1", with_rules(rules))
    settled = ask(spaces, "a1", "10.99.2.3:80")
    assert (result(settled), settled.rows[0].server) == ("ok", "pod/t/b2")
    assert B2


def test_snat_of_the_answer_only_breaks_it() -> None:
    """What comes back from another address is not for the client's socket."""
    rules = iptables(f"-t nat -A INPUT -s {A1}/32 -j SNAT --to-source 10.9.9.9")
    spaces = change(cluster(), "pod/t/b1", with_rules(rules))
    settled = ask(spaces, "a1", f"{B1}:80")
    assert seen_source(settled) == "10.9.9.9"


def test_no_default_route_matters_only_for_what_needs_it() -> None:
    spaces = change(cluster(), "pod/t/a1", without_routes(to("default")))
    assert result(ask(spaces, "a1", f"{A2}:80")) == "ok"
    assert result(ask(spaces, "a1", f"{B1}:80")) == "unreachable"
