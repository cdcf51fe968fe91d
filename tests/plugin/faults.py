"""Ways to break a namespace, each one line of state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from skoop.model.address import Family, parse_ip, parse_prefix
from skoop.netstack.state import FdbEntry, Link, Namespace, Neighbour, PolicyRule, Route
from tests.plugin.build import address, route

Fault = Callable[[Namespace], Namespace]


def link(name: str, **changes: Any) -> Fault:
    """Fields of a link; a callable gives the value from the link."""

    def fault(namespace: Namespace) -> Namespace:
        def changed(each: Link) -> Link:
            if each.name != name:
                return each
            values = {k: v(each) if callable(v) else v for k, v in changes.items()}
            return replace(each, **values)

        return replace(namespace, links=tuple(changed(each) for each in namespace.links))

    return fault


def no_link(name: str) -> Fault:
    """Deleted, with what is bound to it."""

    def fault(namespace: Namespace) -> Namespace:
        gone = without_device(name)(namespace)
        links = [each for each in namespace.links if each.name != name]
        return replace(
            gone,
            links=tuple(
                replace(each, master="", port=None) if each.master == name else each
                for each in links
            ),
            addresses=tuple(each for each in gone.addresses if each.device != name),
            routes=tuple(
                each for each in gone.routes if not any(hop.device == name for hop in each.nexthops)
            ),
            fdb=tuple(each for each in gone.fdb if each.device != name),
        )

    return fault


def without_device(name: str) -> Fault:
    """Routes of table main and neighbours that the kernel drops when a device goes down."""

    def fault(namespace: Namespace) -> Namespace:
        def uses(each: Route) -> bool:
            return each.table == "main" and any(hop.device == name for hop in each.nexthops)

        return replace(
            namespace,
            routes=tuple(each for each in namespace.routes if not uses(each)),
            neighbours=tuple(each for each in namespace.neighbours if each.device != name),
        )

    return fault


def link_down(name: str) -> Fault:
    return both(link(name, up=False, carrier=False, operstate="DOWN"), without_device(name))


def both(*faults: Fault) -> Fault:
    def fault(namespace: Namespace) -> Namespace:
        for each in faults:
            namespace = each(namespace)
        return namespace

    return fault


def no_route(destination: str) -> Fault:
    gone = parse_prefix(destination)
    return lambda namespace: replace(
        namespace,
        routes=tuple(
            each for each in namespace.routes if each.destination != gone or each.table != "main"
        ),
    )


def add_route(text: str, **changes: Any) -> Fault:
    return lambda namespace: replace(namespace, routes=(*namespace.routes, route(text, **changes)))


def other_route(text: str, **changes: Any) -> Fault:
    new = route(text, **changes)
    return both(no_route(str(new.destination)), add_route(text, **changes))


def no_neighbour(ip: str) -> Fault:
    gone = parse_ip(ip)
    return lambda namespace: replace(
        namespace,
        neighbours=tuple(
            each for each in namespace.neighbours if (each.family, each.address) != gone
        ),
    )


def neighbour(ip: str, mac: str, device: str, state: str = "PERMANENT") -> Fault:
    family, value = parse_ip(ip)
    entry = Neighbour(device, family, value, mac, state)
    return both(
        no_neighbour(ip),
        lambda namespace: replace(namespace, neighbours=(*namespace.neighbours, entry)),
    )


def no_fdb(mac: str) -> Fault:
    return lambda namespace: replace(
        namespace, fdb=tuple(each for each in namespace.fdb if each.mac != mac)
    )


def fdb(mac: str, **changes: Any) -> Fault:
    return lambda namespace: replace(
        namespace,
        fdb=tuple(replace(each, **changes) if each.mac == mac else each for each in namespace.fdb),
    )


def add_fdb(mac: str, device: str, **changes: Any) -> Fault:
    """An entry of the bridge."""
    entry = FdbEntry(device, mac, master="cni0", **changes)
    return lambda namespace: replace(namespace, fdb=(*namespace.fdb, entry))


def sysctl(name: str, value: str) -> Fault:
    return lambda namespace: replace(namespace, sysctls={**namespace.sysctls, name: value})


def no_forwarding(namespace: Namespace) -> Namespace:
    """ip_forward=0, as the kernel spreads it."""
    off = {name: "0" for name in namespace.sysctls if name.endswith(("forwarding", "ip_forward"))}
    return replace(namespace, sysctls={**namespace.sysctls, **off})


def no_sysctls(start: str) -> Fault:
    return lambda namespace: replace(
        namespace, sysctls={k: v for k, v in namespace.sysctls.items() if not k.startswith(start)}
    )


def rule(priority: int, **selectors: Any) -> Fault:
    family = Family.V4
    for name in ("source", "destination"):
        if name in selectors:
            selectors[name] = parse_prefix(selectors[name])
            family = selectors[name].family
    made = PolicyRule(family=family, priority=priority, raw=f"{priority}: foreign", **selectors)
    return lambda namespace: replace(namespace, rules=(*namespace.rules, made))


def no_rule(priority: int) -> Fault:
    return lambda namespace: replace(
        namespace,
        rules=tuple(
            each
            for each in namespace.rules
            if each.priority != priority or each.family is not Family.V4
        ),
    )


def add_address(text: str, device: str) -> Fault:
    """With its local route; further routes are a fault of their own."""
    ip = text.partition("/")[0]
    return lambda namespace: replace(
        namespace,
        addresses=(*namespace.addresses, address(text, device)),
        routes=(*namespace.routes, route(f"local {ip} dev {device}", table="local")),
    )


def no_address(ip: str) -> Fault:
    """With the routes that go with it."""
    gone = parse_ip(ip)

    def fault(namespace: Namespace) -> Namespace:
        lost = [each for each in namespace.addresses if (each.family, each.value) == gone]

        def went(each: Route) -> bool:
            host = each.table == "local" and each.destination.network == gone[1]
            subnet = each.protocol == "kernel" and any(
                each.destination == old.prefix and each.nexthops[0].device == old.device
                for old in lost
            )
            return host or subnet

        return replace(
            namespace,
            addresses=tuple(each for each in namespace.addresses if each not in lost),
            routes=tuple(each for each in namespace.routes if not went(each)),
        )

    return fault
