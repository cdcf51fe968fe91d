"""VLANs in a bridge that filters them (net/bridge/br_vlan.c), for frames that come in untagged."""

from __future__ import annotations

from skoop.model.disposition import Disposition
from skoop.model.trace import Evidence
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link, Vlan
from skoop.netstack.walk.events import Reason, Stop

VLAN = "VLAN"
"""In every clause that says why a VLAN does not pass."""


def refused(bridge: Link, source: Link, target: Link) -> str | None:
    """Why a frame that comes in by one port does not go out by another, "" when it does, None when
    that cannot be told. The bridge itself stands for its host's own end."""
    if bridge.bridge is None or not bridge.bridge.vlan_filtering:
        return ""
    if not source.vlans.known or not target.vlans.known:
        return None
    number = _pvid(source)
    if not number:
        return f"{source.name} gives untagged frames no {VLAN} (it has no PVID)"
    out = next((each for each in target.vlans.carried if each.first <= number <= each.last), None)
    if out is None:
        return f"{target.name} does not carry {VLAN} {number}, which is that of {source.name}"
    # A tag that stays on is for a VLAN device at the other end, which is not looked for.
    return "" if out.untagged else None


def _pvid(link: Link) -> int:
    return next((each.first for each in link.vlans.carried if each.pvid), 0)


def vlan_stop(stack: Stack, source: Link, target: Link, clause: str | None) -> Stop:
    """The end of a frame that is refused (`clause`), or may be (None)."""
    unsure = f"{target.name} may not carry the frame's {VLAN} to where it is understood"
    return Stop(
        disposition=Disposition.DROPPED if clause else Disposition.INSUFFICIENT_INFO,
        reason=Reason.VLAN if clause else Reason.NOT_MODELLED,
        detail=clause or unsure,
        device=target.name,
        evidence=vlan_evidence(stack, source, target),
    )


def vlan_evidence(stack: Stack, *links: Link) -> tuple[Evidence, ...]:
    """What the links carry, in the words of `bridge vlan`."""
    return tuple(
        Evidence(f"bridge vlan on {stack.id}", f"{link.name} {_words(link)}")
        for link in dict.fromkeys(links)
        if link.vlans.known
    )


def _words(link: Link) -> str:
    return ", ".join(_word(each) for each in link.vlans.carried) or "none"


def _word(each: Vlan) -> str:
    span = f"{each.first}" if each.first == each.last else f"{each.first}-{each.last}"
    return span + " PVID" * each.pvid + " Egress Untagged" * each.untagged
