"""Servers out of sight that are known to answer: the node has talked to them a moment ago.

Nothing beyond the nodes is collected, so a packet that leaves is `unknown`. But an established
connection of the same node to the same address and port, confirmed by traffic within the last
minutes, shows that the way there and back works and that something answers.
"""

from __future__ import annotations

from msgspec.structs import replace

from skoop.diagnose.story import Row
from skoop.model.disposition import Disposition, Result
from skoop.model.packet import Packet, Proto
from skoop.netstack.conntrack import CtStatus
from skoop.netstack.stack import Stack
from skoop.netstack.state import CtEntry

_LIFETIME = 432000
"""Seconds an established entry lives on (nf_conntrack_tcp_timeout_established)."""
_RECENT = 300
"""Seconds since its last packet within which a connection counts as alive."""


def answered(row: Row) -> tuple[Row, str]:
    """The row as OK, and the assumption it rests on; the row unchanged and "" otherwise."""
    left = row.left
    if row.result is not Result.UNKNOWN or left is None or row.guesses or left.beyond.lost:
        return row, ""
    packet = left.packet
    if packet.proto != Proto.TCP or not left.stack.is_local(packet.family, packet.src):
        return row, ""
    entry = _live_entry(left.stack, packet)
    if entry is None:
        return row, ""
    said = (
        f"{packet.destination} port {packet.dport} answers: {left.stack.id} has a connection to it "
        f"that was in use while its state was collected"
    )
    answering = replace(
        row, result=Result.OK, disposition=Disposition.DELIVERED, at=packet, blockers=()
    )
    return answering, said


def _live_entry(stack: Stack, packet: Packet) -> CtEntry | None:
    for entry in stack.namespace.conntrack.entries:
        flow = entry.reply
        if (flow.src, flow.sport, flow.proto) != (packet.dst, packet.dport, packet.proto):
            continue
        if CtStatus.ASSURED in entry.status and entry.tcp_state == "ESTABLISHED" and _fresh(entry):
            return entry
    return None


def _fresh(entry: CtEntry) -> bool:
    """Whether the entry's remaining life says that it was in use (third word of its line)."""
    words = entry.raw.split()
    left = words[2] if len(words) > 2 and words[2].isdigit() else ""
    if not left and len(words) > 4 and words[4].isdigit():
        left = words[4]
    return bool(left) and int(left) > _LIFETIME - _RECENT
