"""Where a fault changed an outcome, the fault is what skoop names first."""

from __future__ import annotations

import pytest
from msgspec import Struct

from skoop.model.disposition import Result
from tests.scenarios import corpus, truth


class Right(Struct, frozen=True):
    """The right first suspicions of a scenario: findings, and places ("k1", "shop/web-...")."""

    names: tuple[str, ...]
    places: tuple[str, ...]


def right(names: str, places: str) -> Right:
    """Both lists as words."""
    return Right(tuple(names.split()), tuple(places.split()))


# From what was injected (`inject` in each meta.json).
RIGHT = {
    "bridge-nf-call-0": right("bridge-nf-call-off", "k1"),
    "cni0-no-address": right("bridge-address-missing", "k2"),
    "conntrack-stale-udp": right("stale-udp-entry", "k3"),
    "conntrack-stale-udp-nft": right("stale-udp-entry", "k1"),
    "fdb-missing": right("fdb-missing", "k1"),
    "fdb-wrong-remote": right("tunnel-remote-wrong", "k1"),
    "flannel-down": right("tunnel-down", "k2"),
    "foreign-nft-drop": right("foreign-firewall", "k2"),
    "ip-forward-0": right("ip-forward-off", "k2"),
    "kube-postrouting-flushed": right("masquerade-missing", "k3"),
    "mtu-pod-1500-no-icmp": right(
        "mtu-pod-exceeds-path pmtud-blocked", "default/cli shop/web-57ccbc85ff-q5x6t k1"
    ),
    "mtu-underlay-peer-1400": right("mtu-node-mismatch mtu-overlay-overhead", "k1 k2"),
    "neigh-permanent-wrong-mac": right("neighbour-wrong-mac", "k2"),
    "nft-accept-does-not-override": right("foreign-firewall", "k2"),
    "nft-masquerade-flushed": right("masquerade-missing", "k3"),
    "nft-service-element-missing": right("nft-service-map-missing proxy-rules-stale", "k1"),
    "output-reject-udp53": right("filter-reject", "k1"),
    "pod-gateway-wrong-mac": right("neighbour-wrong-mac", "default/cli"),
    "pod-iptables-drop": right("filter-drop", "shop/web-57ccbc85ff-xtbm7"),
    "pod-no-routes": right("pod-default-route-missing", "default/cli3"),
    "pod-wrong-netmask": right("wrong-mask", "shop/web-57ccbc85ff-9fzmg"),
    "policy-rule-captures-podcidr": right("policy-rule-captures", "k2"),
    "policy-rule-unreachable": right("policy-rule-captures", "k3"),
    "proxy-dead-rules-flushed": right(
        "proxy-not-running svc-chain-missing netfilter-missing-chain", "k3"
    ),
    "raw-notrack": right("notrack-breaks-nat", "k1"),
    "raw-prerouting-drop": right("raw-drop", "k2"),
    "route-podcidr-missing": right("route-missing", "k1"),
    "route-podcidr-wrong-nexthop": right("route-wrong-nexthop", "k1"),
    "rpfilter-strict-asym": right("rp-filter-drop route-wrong-device", "k2"),
    "sep-dead-ip": right("dnat-to-dead-endpoint", "k1"),
    "underlay-drop-8472": right("underlay-port-blocked", "k2"),
    "veth-detached": right("bridge-port-unattached", "k2"),
    # The peers hold the old address, k2 has a new one: either end tells the story.
    "vtep-mac-changed": right("mac-mismatch neighbour-wrong-mac fdb-stale", "k1 k2 k3"),
}
HARMLESS = {"stale-vip-on-lo", "mark-masq-everything"}


def changed(name: str) -> list[corpus.Asked]:
    """The probes that the fault broke, or mended. A result that differs only by ICMP errors that
    were held back (see truth.same_results) is no change."""
    return [
        one
        for one in corpus.asked(name)
        if one.probe.changed
        and not truth.is_unknown(one.diagnosis)
        and truth.predicted(one.diagnosis) != frozenset(one.probe.clean)
    ]


def is_right(one: corpus.Asked, name: str) -> bool:
    first = one.diagnosis.suspicions[:1]
    accepted = RIGHT[name]
    return any(s.name in accepted.names and s.where.name in accepted.places for s in first)


def test_every_fault_is_in_the_table() -> None:
    faults = {name for name in corpus.names() if corpus.scenario(name).meta.get("inject")}
    assert faults == RIGHT.keys() | HARMLESS


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_a_harmless_fault_changes_nothing(name: str) -> None:
    assert [one for one in corpus.asked(name) if one.probe.changed] == []


@pytest.mark.parametrize("name", RIGHT)
def test_the_injected_fault_is_the_first_suspicion(name: str) -> None:
    judged = changed(name)
    assert judged
    wrong = [
        f"{one.probe}: {[(s.name, s.where.name) for s in one.diagnosis.suspicions[:3]]}"
        for one in judged
        if not is_right(one, name)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", RIGHT)
def test_what_it_stops_is_blamed_on_it_as_blocking(name: str) -> None:
    wrong = [
        str(one.probe)
        for one in changed(name)
        if is_right(one, name)
        and Result.OK.value not in truth.predicted(one.diagnosis)
        and not one.diagnosis.suspicions[0].blocking
    ]
    assert not wrong, "\n".join(wrong)
