"""How "all" and a device's own setting combine."""

from __future__ import annotations

import pytest

from skoop.model.address import Family
from skoop.netstack.sysctl import Sysctls

V4, V6 = Family.V4, Family.V6


def v4(all_: str, device: str, name: str) -> Sysctls:
    return Sysctls({f"net.ipv4.conf.all.{name}": all_, f"net.ipv4.conf.eth0.{name}": device})


@pytest.mark.parametrize(
    ("all_", "device", "expected"),
    [("0", "0", 0), ("1", "0", 1), ("0", "2", 2), ("2", "1", 2), ("1", "2", 2)],
)
def test_rp_filter_is_the_larger_of_all_and_the_device(
    all_: str, device: str, expected: int
) -> None:
    assert v4(all_, device, "rp_filter").highest("eth0", "rp_filter") == expected


@pytest.mark.parametrize(
    ("all_", "device", "expected"), [("0", "0", False), ("1", "0", True), ("0", "1", True)]
)
def test_either_is_enough_for_accept_local(all_: str, device: str, expected: bool) -> None:
    assert v4(all_, device, "accept_local").either("eth0", "accept_local") is expected


FORWARDING = {
    "v4 on": (V4, {"net.ipv4.ip_forward": "1"}, True),
    "v4 off": (V4, {"net.ipv4.ip_forward": "0"}, False),
    "v4: the device says no": (
        V4,
        {"net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0.forwarding": "0"},
        False,
    ),
    "v4: the device says yes": (
        V4,
        {"net.ipv4.ip_forward": "0", "net.ipv4.conf.eth0.forwarding": "1"},
        True,
    ),
    "v4 not collected": (V4, {}, None),
    "v6 asks all": (
        V6,
        {"net.ipv6.conf.all.forwarding": "1", "net.ipv6.conf.eth0.forwarding": "0"},
        True,
    ),
    "v6 does not ask the device": (
        V6,
        {"net.ipv6.conf.all.forwarding": "0", "net.ipv6.conf.eth0.forwarding": "1"},
        False,
    ),
    "v6 forced": (
        V6,
        {"net.ipv6.conf.all.forwarding": "0", "net.ipv6.conf.eth0.force_forwarding": "1"},
        True,
    ),
    "v6 not collected": (V6, {"net.ipv4.ip_forward": "1"}, None),
    "garbage is not a setting": (V4, {"net.ipv4.ip_forward": "yes"}, None),
}


@pytest.mark.parametrize(
    ("family", "values", "expected"), FORWARDING.values(), ids=FORWARDING.keys()
)
def test_forwarding(family: Family, values: dict[str, str], expected: bool | None) -> None:
    assert Sysctls(values).forwarding(family, "eth0") is expected


def test_a_dot_in_a_device_name_is_a_slash() -> None:
    settings = Sysctls({"net.ipv4.conf.flannel/1.rp_filter": "1"})
    assert settings.highest("flannel.1", "rp_filter") == 1


def test_evidence_shows_what_is_known() -> None:
    settings = Sysctls({"net.ipv4.ip_forward": "0"})
    assert settings.evidence("net.ipv4.ip_forward", "x.y") == "net.ipv4.ip_forward = 0"
