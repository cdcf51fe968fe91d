"""`wg show all WORD`, as wireguard-tools 1.0.20210914 prints it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from skoop.errors import ParseError
from skoop.model.address import Family, parse_prefix
from skoop.netstack.dump import Output, read_namespace
from skoop.netstack.dump.wireguard import (
    read_allowed,
    read_endpoints,
    read_fwmarks,
    read_handshakes,
    read_keys,
    read_listen_ports,
)
from skoop.netstack.state import Namespace, Wireguard, WireguardPeer
from tests.netstack.builders import ip

K1, K2, K3 = (f"{name}{40 * 'x'}=" for name in ("k/1", "k+2", "kK3"))

KEPT = {
    "wg show all public-key": f"wg0\t{K1}\nwg1\t(none)\nwg2\t{K3}\n",
    "wg show all listen-port": "wg0\t51820\nwg1\t0\nwg2\t51822\n",
    "wg show all fwmark": "wg0\toff\nwg1\t0x1\nwg2\t0xca6c\n",
    # Named once, and not at all followed by a newline without peers.
    "wg show all endpoints": f"wg0\t{K2}\t172.30.1.12:51820\n{K3}\t(none)\nwg1\twg2\t"
    f"{K1}\t[fd00::1]:1\n",
    "wg show all allowed-ips": f"wg0\t{K2}\t10.244.2.0/24 fd00:2::/64\nwg0\t{K3}\t(none)\n"
    f"wg2\t{K1}\t0.0.0.0/0\n",
    "wg show all latest-handshakes": f"wg0\t{K2}\t1795190391\nwg0\t{K3}\t0\nwg2\t{K1}\t5\n",
}
LINKS = ",".join(
    f'{{"ifindex":{n},"ifname":"wg{n}","flags":["UP"],"linkinfo":{{"info_kind":"wireguard"}}}}'
    for n in range(3)
)


def read(**without: Output) -> Namespace:
    outputs = {"ip -j -d link": Output(f"[{LINKS}]")}
    outputs |= {command: Output(text) for command, text in KEPT.items()}
    outputs |= {f"wg show all {word.replace('_', '-')}": out for word, out in without.items()}
    return read_namespace("node/k1", outputs)


def devices(found: Namespace) -> dict[str, Wireguard | None]:
    return {link.name: link.wireguard for link in found.links}


def why(found: Namespace) -> list[str]:
    return [gap.why for gap in found.gaps if gap.part == "wireguard"]


def test_devices_and_their_peers() -> None:
    two = (parse_prefix("10.244.2.0/24"), parse_prefix("fd00:2::/64"))
    found = read()
    assert why(found) == []
    assert devices(found) == {
        "wg0": Wireguard(
            K1,
            51820,
            0,
            (
                WireguardPeer(K2, (Family.V4, ip("172.30.1.12"), 51820), two, met=True),
                WireguardPeer(K3, None, (), met=False),
            ),
        ),
        "wg1": Wireguard("", 0, 1),
        "wg2": Wireguard(
            K3,
            51822,
            0xCA6C,
            (WireguardPeer(K1, (Family.V6, ip("fd00::1"), 1), (parse_prefix("0.0.0.0/0"),), True),),
        ),
    }


def test_handshakes_may_be_missing() -> None:
    device = devices(read(latest_handshakes=Output(rc=127)))["wg0"]
    assert device is not None
    assert [peer.met for peer in device.peers] == [None, None]


@pytest.mark.parametrize(
    "word", ["public_key", "listen_port", "fwmark", "endpoints", "allowed_ips"]
)
def test_without_the_rest_nothing_is_known(word: str) -> None:
    found = read(**{word: Output(rc=127)})
    assert set(devices(found).values()) == {None}
    assert why(found) == [f"node/k1: wg show all {word.replace('_', '-')} is not installed"]
    assert set(devices(read(**{word: Output("?")})).values()) == {None}


def test_a_peer_that_came_meanwhile_makes_them_unknown() -> None:
    found = read(allowed_ips=Output(f"wg0\t{K2}\t10.244.2.0/24\n"))
    assert set(devices(found).values()) == {None}


def test_a_namespace_without_such_a_device_misses_nothing() -> None:
    assert why(read_namespace("node/k1", {"ip -j -d link": Output("[]")})) == []


WRONG: list[tuple[Callable[[str, str], object], str]] = [
    (read_keys, "wg0"),
    (read_keys, "wg0\tshort="),
    (read_keys, f"wg0\t{K1}\tmore"),
    (read_listen_ports, "wg0\t65536"),
    (read_fwmarks, "wg0\t0x123456789"),
    (read_endpoints, f"{K1}\t10.0.0.1:1"),
    (read_endpoints, f"wg0\t{K1}\t10.0.0.1"),
    (read_endpoints, f"wg0\t{K1}\t[fe80::1%eth0]:1"),
    (read_endpoints, "wg0\tshort=\t10.0.0.1:1"),
    (read_allowed, f"wg0\t{K1}\t10.0.0.0/33"),
    (read_allowed, f"wg0\t{K1}\t"),
    (read_handshakes, f"wg0\t{K1}\tyesterday"),
]


@pytest.mark.parametrize(("reader", "text"), WRONG)
def test_what_it_does_not_print(reader: Callable[[str, str], object], text: str) -> None:
    with pytest.raises(ParseError) as caught:
        reader(f"\n{text}\n", "wg")
    assert caught.value.line == 2
