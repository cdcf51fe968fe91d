"""What a rule asks without any match: addresses, protocol, interfaces, fragments.

Follows ip_packet_match in ip_tables.c.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.interface import Interface, read_interface
from skoop.netstack.iptables.match.base import Test, never
from skoop.netstack.iptables.protocols import protocol_number
from skoop.netstack.iptables.values import network
from skoop.netstack.netfilter import View


class Net(Struct, frozen=True, gc=False):
    """An address test: address & mask == network, or not."""

    network: int
    mask: int
    inverted: bool = False


class Port(Struct, frozen=True, gc=False):
    """An interface test."""

    interface: Interface
    inverted: bool = False


class Head(Struct, frozen=True, gc=False):
    """A rule's own conditions; None where it has none. `proto` 0 is any. `fragments` is true for
    `-f`: second and later fragments, which skoop does not send."""

    source: Net | None = None
    destination: Net | None = None
    iif: Port | None = None
    oif: Port | None = None
    proto: int = 0
    proto_inverted: bool = False
    fragments: bool = False


EMPTY = Head()

_NAMES = {
    "-s": "source",
    "--source": "source",
    "--src": "source",
    "-d": "destination",
    "--destination": "destination",
    "--dst": "destination",
    "-i": "iif",
    "--in-interface": "iif",
    "-o": "oif",
    "--out-interface": "oif",
    "-p": "proto",
    "--protocol": "proto",
    "--proto": "proto",
}


def head_field(option: str) -> str:
    """The field that a core option sets, "" for other options."""
    return _NAMES.get(option, "")


def read_field(field: str, value: str, family: Family, *, inverted: bool) -> dict[str, object]:
    """Field values for `Head`. Raises ValueError."""
    if field == "proto":
        return {"proto": protocol_number(value), "proto_inverted": inverted}
    if field in ("iif", "oif"):
        return {field: Port(read_interface(value), inverted)}
    return {field: Net(*network(value, family), inverted)}


def quick_head(words: list[str], family: Family) -> Head | None:
    """A head whose words are in the order iptables-save prints, None for anything else."""
    fields: dict[str, object] = {}
    inverted = False
    rest = iter(words)
    for word in rest:
        if word == "!":
            inverted = True
            continue
        field, value = _NAMES.get(word), next(rest, "!")
        if field is None or value == "!":
            return None
        try:
            fields.update(read_field(field, value, family, inverted=inverted))
        except ValueError:
            return None
        inverted = False
    return replace(EMPTY, **fields)


def _source(net: Net) -> Test:
    base, mask, same = net.network, net.mask, not net.inverted

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return (packet.src & mask == base) is same

    return test


def _destination(net: Net) -> Test:
    base, mask, same = net.network, net.mask, not net.inverted

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return (packet.dst & mask == base) is same

    return test


def _iif(port: Port) -> Test:
    interface, same = port.interface, not port.inverted

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return interface.matches(view.iif) is same

    return test


def _oif(port: Port) -> Test:
    interface, same = port.interface, not port.inverted

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return interface.matches(view.oif) is same

    return test


def _proto(number: int, *, inverted: bool) -> Test:
    same = not inverted

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return (packet.proto == number) is same

    return test


def head_tests(head: Head) -> tuple[Test, ...]:
    """One test per condition, the most telling first. Protocol 0 means any, so nothing matches its
    negation."""
    tests: list[Test] = []
    if head.fragments or (head.proto == 0 and head.proto_inverted):
        tests.append(never)
    if head.destination:
        tests.append(_destination(head.destination))
    if head.source:
        tests.append(_source(head.source))
    if head.proto:
        tests.append(_proto(head.proto, inverted=head.proto_inverted))
    if head.iif:
        tests.append(_iif(head.iif))
    if head.oif:
        tests.append(_oif(head.oif))
    return tuple(tests)
