"""Who answers when a neighbour is asked for: ARP (net/ipv4/arp.c) and ND (net/ipv6/ndisc.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.netstack.fib import LOCAL_OUTPUT, FibKind, Flow
from skoop.netstack.stack import Stack
from skoop.netstack.state import NextHop


def answers(stack: Stack, device: str, family: Family, target: int, asker: int) -> str:
    """Whether a namespace answers a request that came in by `device`.

    "" when it answers, else the reason why it does not, as a clause. `asker` is the sender's
    address, 0 when it has none.
    """
    if family is Family.V6:
        return _answers_nd(stack, device, target)
    if asker == 0:
        own = stack.is_local(family, target)
        return "" if own else "the address is not configured there"
    found = stack.route(Flow(family, target, asker, device))
    if found.kind is FibKind.UNKNOWN:
        return _answers_for_all_it_may_have(stack, device, target)
    if found.kind is FibKind.LOCAL:
        return _answers_for_itself(stack, device, target, asker)
    refusal = _answers_as_proxy(stack, device, found.kind, found.nexthops, target)
    way_on = found.nexthops[0].device if found.nexthops else LOCAL_OUTPUT
    return refusal or _source_refused(stack, device, target, asker, way_on)


def may_answer(stack: Stack, device: str, family: Family, target: int) -> bool:
    """Whether `answers` has a chance of "": cheap, for a look at many namespaces."""
    proxies = family is Family.V4 and stack.sysctls.either(device, "proxy_arp")
    own = family is Family.V4 and stack.is_local(family, target)
    return own or proxies or (device, family, target) in stack.proxied


def _answers_for_all_it_may_have(stack: Stack, device: str, target: int) -> str:
    """Without routes: an answer when there may be one, because what follows in that namespace then
    says that it cannot tell."""
    own = any(address.value == target for address in stack.namespace.addresses)
    proxies = stack.sysctls.either(device, "proxy_arp")
    return "" if own or proxies else "the address is not configured there"


def _answers_for_itself(stack: Stack, device: str, target: int, asker: int) -> str:
    """arp_process() for a local address: the source check, arp_ignore, arp_filter."""
    refusal = _source_refused(stack, device, target, asker)
    if not refusal and stack.sysctls.either(device, "arp_filter"):
        back = stack.route(Flow(Family.V4, asker, target, "lo"))
        if _elsewhere(back.nexthops, device):
            refusal = f"arp_filter is on and its route back does not lead out by {device}"
    return refusal or _ignored(stack, device, target, asker)


def _source_refused(
    stack: Stack, device: str, target: int, asker: int, way_on: str = LOCAL_OUTPUT
) -> str:
    """ip_route_input(), which arp_process() calls first, checks the asker as any source."""
    strictness = stack.sysctls.highest(device, "rp_filter")
    back = stack.route(Flow(Family.V4, asker, target, way_on))
    if back.kind is FibKind.LOCAL and not stack.sysctls.either(device, "accept_local"):
        return "the asker's address is one of its own"
    if strictness == 1 and _elsewhere(back.nexthops, device):
        return f"rp_filter is strict and its route back does not lead out by {device}"
    if strictness == 2 and back.kind is not FibKind.UNICAST:
        return "rp_filter finds no route back"
    return ""


def _elsewhere(nexthops: tuple[NextHop, ...], device: str) -> bool:
    return all(hop.device != device for hop in nexthops)


def _ignored(stack: Stack, device: str, target: int, asker: int) -> str:
    """arp_ignore(): 1 and 2 ask for the address on the very device."""
    level = stack.sysctls.highest(device, "arp_ignore")
    own = [a for a in stack.addresses(device, Family.V4) if a.value == target]
    if level == 8:
        return "arp_ignore is 8"
    if level in (1, 2) and not own:
        return f"arp_ignore is {level} and the address is not on {device}"
    if level == 2 and not any(a.prefix.contains(asker) for a in own):
        return "arp_ignore is 2 and the asker is in another subnet"
    if level == 3 and any(a.value == target and a.scope == "host" for a in own):
        return "arp_ignore is 3"
    return ""


def _answers_as_proxy(
    stack: Stack, device: str, kind: FibKind, nexthops: tuple[NextHop, ...], target: int
) -> str:
    """arp_fwd_proxy(): for others, when proxy_arp is on and the way on is another device."""
    if not stack.sysctls.forwarding(Family.V4, device) or kind is not FibKind.UNICAST:
        return "the address is not configured there"
    proxies = (device, Family.V4, target) in stack.proxied
    if _elsewhere(nexthops, device) and (proxies or stack.sysctls.either(device, "proxy_arp")):
        return ""
    return "the address is not configured there"


def _answers_nd(stack: Stack, device: str, target: int) -> str:
    """ndisc_recv_ns(): the target must be on the very device, and past duplicate detection; or be
    one of its anycast addresses, as a router has for every subnet (ipv6_chk_acast_addr())."""
    if stack.sysctls.ipv6_disabled(device):
        return f"IPv6 is disabled on {device}"
    for address in stack.addresses(device, Family.V6):
        if address.value == target:
            return "the address is still tentative" if "tentative" in address.flags else ""
    if (device, target) in stack.anycast:
        return ""
    if (device, Family.V6, target) in stack.proxied:
        return _proxy_refused(stack, device)
    return "the address is not configured there"


def _proxy_refused(stack: Stack, device: str) -> str:
    """An entry for a proxy counts on routers, with the switch for it on."""
    names = (f"net.ipv6.conf.{each.replace('.', '/')}" for each in ("all", device))
    if not any(stack.sysctls.number(f"{name}.proxy_ndp", 0) for name in names):
        return "it is a proxy for the address, but proxy_ndp is off"
    if stack.sysctls.number(f"net.ipv6.conf.{device.replace('.', '/')}.forwarding", 0) <= 0:
        return f"it is a proxy for the address, but forwarding is off on {device}"
    return ""
