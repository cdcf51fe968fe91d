"""How a check says what it found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from skoop.findings.base import Finding
from skoop.model.diagnosis import Where
from skoop.model.disposition import Direction, Level
from skoop.model.trace import Evidence
from skoop.netstack import lines, linkline
from skoop.netstack.state import FdbEntry, Link, Namespace, Neighbour, PolicyRule, Route
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.repair import in_sequence

_ENOUGH = 8
"""Lines of evidence that a person reads."""


def expect(
    finding: type[Finding],
    namespace: Namespace,
    message: str,
    *evidence: Evidence,
    repair: Repair | None = None,
    level: Level | None = None,
    fix: str = "",
    isolates: bool = False,
) -> Expectation:
    """A finding about a namespace."""
    suspicion = finding.suspect(
        where=Where.of(namespace.id),
        direction=Direction.FORWARD,
        message=message,
        evidence=evidence,
        level=level,
        fix=fix,
    )
    return Expectation(suspicion, namespace.id, repair, isolates)


def worst_first(expectations: Iterable[Expectation]) -> tuple[Expectation, ...]:
    """By level, each fact once: of several expectations with one evidence the first is kept."""
    seen: set[tuple[str, str, tuple[Evidence, ...]]] = set()
    kept = []
    for each in expectations:
        key = (each.namespace, each.suspicion.code, each.suspicion.evidence)
        if key not in seen:
            seen.add(key)
            kept.append(each)
    return tuple(sorted(kept, key=lambda each: each.suspicion.level.rank))


def as_one(parts: Sequence[Expectation], message: str) -> Expectation:
    """Several faults of which no single one explains the failure, mended together."""
    evidence = dict.fromkeys(line for part in parts for line in part.suspicion.evidence)
    shown = tuple(evidence)[:_ENOUGH]
    suspicion = replace(parts[0].suspicion, message=message, evidence=shown)
    repairs = [part.repair for part in parts if part.repair]
    return Expectation(suspicion, parts[0].namespace, in_sequence(repairs) if repairs else None)


def place(namespace: Namespace) -> str:
    """ "node k1", "pod shop/web"."""
    return str(Where.of(namespace.id))


def link_line(namespace: Namespace, link: Link) -> Evidence:
    """The link as `ip link` shows it."""
    return Evidence(f"link {link.name} on {namespace.id}", link.raw or linkline.link_line(link))


def route_line(namespace: Namespace, route: Route) -> Evidence:
    """The route as `ip route` shows it."""
    text = route.raw or lines.route_line(route)
    return Evidence(f"route in table {route.table} on {namespace.id}", text)


def no_route(namespace: Namespace, destination: object) -> Evidence:
    """A route that is not there."""
    return Evidence(f"route in table main on {namespace.id}", f"no route for {destination}")


def rule_line(namespace: Namespace, rule: PolicyRule) -> Evidence:
    """The rule as `ip rule` shows it."""
    return Evidence(f"ip rule on {namespace.id}", rule.raw or lines.rule_line(rule))


def neighbour_line(namespace: Namespace, entry: Neighbour) -> Evidence:
    """The entry as `ip neigh` shows it."""
    return Evidence(f"ip neigh on {namespace.id}", entry.raw or lines.neighbour_line(entry))


def fdb_line(namespace: Namespace, entry: FdbEntry) -> Evidence:
    """The entry as `bridge fdb` shows it."""
    text = entry.raw or lines.fdb_line(entry)
    return Evidence(f"fdb of {entry.device} on {namespace.id}", text)


def sysctl_line(namespace: Namespace, *names: str) -> Evidence:
    """Settings as `sysctl` prints them."""
    lines = (f"{name} = {namespace.sysctls[name]}" for name in names if name in namespace.sysctls)
    return Evidence(f"sysctl on {namespace.id}", "; ".join(lines))


def ipv6_off(namespace: Namespace, device: str) -> tuple[str, ...]:
    """The settings that switch IPv6 off on a device. With it go the device's addresses and
    routes, and writing the setting for "all" writes every device's."""
    device = device.replace(".", "/")
    names = (f"net.ipv6.conf.{each}.disable_ipv6" for each in ("all", device))
    wrong = tuple(name for name in names if namespace.sysctls.get(name) == "1")
    return wrong if f"net.ipv6.conf.{device}.disable_ipv6" in wrong else ()
