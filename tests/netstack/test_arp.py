"""Who answers for an address."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skoop.model.address import Family, parse_ip
from skoop.netstack.arp import answers
from skoop.netstack.stack import Stack
from skoop.netstack.state import Neighbour
from tests.netstack.builders import ip, link, namespace

LINKS = (link("e0", 2), link("e1", 3))
ADDRESSES = ("10.0.0.1/24 e0", "10.0.1.1/24 e1", "fd00::1/64 e0")
PROXY = {"net.ipv4.conf.e0.proxy_arp": "1"}
ND_PROXY = {"net.ipv6.conf.e0.proxy_ndp": "1", "net.ipv6.conf.e0.forwarding": "1"}
ND_PROXIES = (Neighbour("e0", Family.V6, ip("fd00::7"), "", "", proxy=True),)


def conf(**values: str) -> dict[str, str]:
    return {f"net.ipv4.conf.e0.{name}": value for name, value in values.items()}


def ask(target: str, asker: str = "10.0.0.9", **fields: Any) -> str:
    fields.setdefault("addresses", ADDRESSES)
    made = namespace(links=LINKS, **fields)
    return answers(Stack(made), "e0", parse_ip(target)[0], ip(target), ip(asker))


ANSWERED = {
    "own address": ("10.0.0.1", {}),
    "address of another device": ("10.0.1.1", {}),
    "probe without a source": ("10.0.0.1", {"asker": "0.0.0.0"}),
    "arp_ignore 1, on the device": ("10.0.0.1", {"sysctls": conf(arp_ignore="1")}),
    "arp_ignore 2, same subnet": ("10.0.0.1", {"sysctls": conf(arp_ignore="2")}),
    "strict rp_filter, way back matches": ("10.0.0.1", {"sysctls": conf(rp_filter="1")}),
    "loose rp_filter": (
        "10.0.0.1",
        {"sysctls": conf(rp_filter="2"), "asker": "10.0.1.9"},
    ),
    "arp_filter, way back matches": ("10.0.0.1", {"sysctls": conf(arp_filter="1")}),
    "asker is its own, accept_local": (
        "10.0.0.1",
        {"asker": "10.0.1.1", "sysctls": conf(accept_local="1")},
    ),
    "proxy_arp for the default route": (
        "169.254.1.1",
        {"routes": ["default dev e1"], "sysctls": PROXY},
    ),
    "ND, own": ("fd00::1", {"asker": "fd00::9"}),
    "ND, as a proxy": ("fd00::7", {"neighbours": ND_PROXIES, "sysctls": ND_PROXY}),
    "ND, as a proxy, by the switch for all": (
        "fd00::7",
        {
            "neighbours": ND_PROXIES,
            "sysctls": {
                **ND_PROXY,
                "net.ipv6.conf.e0.proxy_ndp": "0",
                "net.ipv6.conf.all.proxy_ndp": "1",
            },
        },
    ),
    "ND, a router's anycast address of the subnet": (
        "fd00::",
        {"asker": "fd00::9", "routes": ["anycast fd00::/128 dev e0 table local"]},
    ),
}

SILENT = {
    "nobody's": ("10.0.0.7", {}),
    "probe for nobody's": ("10.0.0.7", {"asker": "0.0.0.0"}),
    "arp_ignore 1, on another device": ("10.0.1.1", {"sysctls": conf(arp_ignore="1")}),
    "arp_ignore 2, another subnet": (
        "10.0.0.1",
        {"sysctls": conf(arp_ignore="2"), "asker": "10.0.5.9", "routes": ["default dev e0"]},
    ),
    "arp_ignore 8": ("10.0.0.1", {"sysctls": conf(arp_ignore="8")}),
    "arp_ignore of all": ("10.0.1.1", {"sysctls": {"net.ipv4.conf.all.arp_ignore": "1"}}),
    "strict rp_filter, other way back": (
        "10.0.0.1",
        {"sysctls": conf(rp_filter="1"), "asker": "10.0.1.9"},
    ),
    "loose rp_filter, no way back": (
        "10.0.0.1",
        {"sysctls": conf(rp_filter="2"), "asker": "192.0.2.9"},
    ),
    "arp_filter, other way back": (
        "10.0.0.1",
        {"sysctls": conf(arp_filter="1"), "asker": "10.0.1.9"},
    ),
    "asker is one of its own": ("10.0.0.1", {"asker": "10.0.1.1"}),
    "proxy_arp, no route": ("169.254.1.1", {"sysctls": PROXY}),
    "proxy_arp off": ("169.254.1.1", {"routes": ["default dev e1"]}),
    "proxy_arp, way on is the same device": (
        "169.254.1.1",
        {"routes": ["default dev e0"], "sysctls": PROXY},
    ),
    "proxy_arp, forwarding off": (
        "169.254.1.1",
        {
            "routes": ["default dev e1"],
            "sysctls": {**PROXY, "net.ipv4.conf.e0.forwarding": "0"},
        },
    ),
    "proxy_arp, strict rp_filter, other way back": (
        "169.254.1.1",
        {
            "routes": ["default dev e1"],
            "sysctls": {**PROXY, **conf(rp_filter="1")},
            "asker": "10.1.0.2",
        },
    ),
    "proxy_arp, asker is one of its own": (
        "169.254.1.1",
        {"routes": ["default dev e1"], "sysctls": PROXY, "asker": "10.0.1.1"},
    ),
    "ND, address of another device": (
        "fd01::1",
        {"asker": "fd00::9", "addresses": ("fd00::1/64 e0", "fd01::1/64 e1")},
    ),
    "ND, as a proxy, forwarding off": (
        "fd00::7",
        {"neighbours": ND_PROXIES, "sysctls": {"net.ipv6.conf.e0.proxy_ndp": "1"}},
    ),
    "ND, as a proxy, proxy_ndp off": (
        "fd00::7",
        {"neighbours": ND_PROXIES, "sysctls": {"net.ipv6.conf.e0.forwarding": "1"}},
    ),
    "ND, anycast address of another device": (
        "fd01::",
        {"asker": "fd00::9", "routes": ["anycast fd01::/128 dev e1 table local"]},
    ),
    "ND, tentative": (
        "fd00::1",
        {"asker": "fd00::9", "addresses": ("fd00::1/64 e0 tentative",)},
    ),
    "ND, IPv6 disabled": (
        "fd00::1",
        {"asker": "fd00::9", "sysctls": {"net.ipv6.conf.e0.disable_ipv6": "1"}},
    ),
}


@pytest.mark.parametrize(("target", "setting"), ANSWERED.values(), ids=ANSWERED.keys())
def test_answered(target: str, setting: dict[str, Any]) -> None:
    assert ask(target, **setting) == ""


@pytest.mark.parametrize(("target", "setting"), SILENT.values(), ids=SILENT.keys())
def test_silent_with_a_reason(target: str, setting: dict[str, Any]) -> None:
    assert ask(target, **setting)


@pytest.mark.parametrize(("way_on", "answered"), [("e1", True), ("e0", False)])
def test_a_proxy_entry_answers_for_what_is_behind_another_device(
    way_on: str, answered: bool
) -> None:
    entry = Neighbour("e0", Family.V4, ip("10.0.0.7"), "", "NOARP", proxy=True)
    routes = [f"10.0.0.7/32 dev {way_on}"]
    assert (ask("10.0.0.7", neighbours=(entry,), routes=routes) == "") is answered


def test_a_proxy_entry_is_no_neighbour() -> None:
    entry = Neighbour("e0", Family.V4, ip("10.0.0.7"), "aa", "NOARP", proxy=True)
    assert not Stack(namespace(links=LINKS, neighbours=(entry,))).neighbours
    plain = replace(entry, proxy=False)
    assert Stack(namespace(links=LINKS, neighbours=(plain,))).neighbours
