"""The path as a tree of lines, for a terminal or a ticket: where packets go, where they stop."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from skoop.report.document import ResultDoc
from skoop.report.lanes import Lane, Leg, Link, Station, address, lanes, node_names, place
from skoop.report.words import ARRIVED, ENDS, LEFT, UNTOLD, endpoint, share


class Line(Struct, frozen=True):
    """One line: the guides drawn before it, those before what of it does not fit, its text, and
    what it is about ("place", "event", "bad", "good", "unknown" or "share")."""

    lead: str
    hang: str
    text: str
    role: str


class _Glyphs(Struct, frozen=True):
    down: str
    fork: str
    last: str
    good: str
    bad: str
    unknown: str
    arrow: str


_DRAWN = _Glyphs("│", "├─", "└─", "✔", "✘", "?", "→")
_ASCII = _Glyphs("|", "|-", "`-", "=", "X", "?", "->")


class _Way(Struct, frozen=True):
    """What is left of a lane's first packet, from a station on."""

    lane: Lane
    rest: tuple[Station, ...]


def picture(result: ResultDoc, *, ascii_only: bool) -> tuple[Line, ...]:
    """The tree; () when no packet was followed."""
    ways = [_Way(lane, lane.legs[0].stations) for lane in lanes(result) if lane.legs]
    ways = [way for way in ways if way.rest]
    if not ways:
        return ()
    glyphs = _ASCII if ascii_only else _DRAWN
    outside: list[Line] = []
    if result.source.kind == "external":
        outside = [
            Line("", "  ", endpoint(result.source), "place"), Line(glyphs.down, "  ", "", "event"),
        ]  # fmt: skip
    return (*outside, *_Drawer(result, glyphs).draw(ways, ""))


class _Drawer:
    def __init__(self, result: ResultDoc, glyphs: _Glyphs) -> None:
        self._names = node_names(result)
        self._glyphs = glyphs

    def draw(self, ways: list[_Way], lead: str) -> Iterator[Line]:
        """Ways that begin at one or more places; those that begin alike are one line."""
        starts: dict[object, list[_Way]] = {}
        for way in ways:
            starts.setdefault(way.rest[0].nodes, []).append(way)
        for together in starts.values():
            yield from self._place(together, lead)

    def _place(self, ways: list[_Way], lead: str) -> Iterator[Line]:
        nodes = ways[0].rest[0].nodes
        ip = address(nodes, self._names)
        assumed = "  (assumed)" if self._names[nodes[0]].emulated else ""
        text = place(nodes, self._names) + (f"  {ip}" if ip else "") + assumed
        yield Line(lead, lead + "  ", text, "place")
        exits: dict[object, list[_Way]] = {}
        for way in ways:
            here = way.rest[0]
            following = way.rest[1].nodes if len(way.rest) > 1 else way.lane.branches
            exits.setdefault((here.translations, here.events, here.link, following), []).append(way)
        if len(exits) == 1:
            yield from self._onward(next(iter(exits.values())), lead, f"{lead}{self._glyphs.down} ")
            return
        groups = list(exits.values())
        for group in groups:
            is_last = group is groups[-1]
            fork = self._glyphs.last if is_last else self._glyphs.fork
            inner = lead + ("   " if is_last else f"{self._glyphs.down}  ")
            percent = share(min(sum(way.lane.weight for way in group), 1.0))
            yield Line(f"{lead}{fork} ", f"{inner} ", _heading(percent, group), "share")
            yield from self._onward(group, inner, f"{inner}{self._glyphs.down} ")

    def _onward(self, ways: list[_Way], lead: str, guide: str) -> Iterator[Line]:
        """What happens at a place that all these ways leave alike."""
        here = ways[0].rest[0]
        for event in (*here.translations, *here.events):
            yield Line(guide, guide + "  ", str(event), "event")
        if here.link is None:
            yield from self._ends(ways[0].lane, lead)
            return
        if text := self._link(here.link):
            yield Line(guide, guide + "  ", text, "event")
        yield from self.draw([_Way(way.lane, way.rest[1:]) for way in ways], lead)

    def _link(self, link: Link) -> str:
        """The cable and what it carries; "" between devices of a cloud, which have none."""
        if not link.oif and not link.iif:
            return ""
        devices = f"{link.oif} {self._glyphs.arrow} {link.iif}".strip()
        if link.outer is None:
            return devices if link.medium in ("veth", "bridge") else f"{link.medium}: {devices}"
        ends = f"{link.outer.source} {self._glyphs.arrow} {link.outer.destination}"
        return f"{link.medium} {ends}: {devices}"

    def _ends(self, lane: Lane, lead: str) -> Iterator[Line]:
        """What became of the first packet, and what became of those after it."""
        first, *others = lane.legs
        broken = [leg for leg in others if not leg.is_good]
        if not first.is_good:
            text = f"{first.end or ENDS[first.disposition]} ({lane.result})"
            yield self._end(_ROLES.get(first.disposition, "bad"), lead, text)
        elif not broken:
            yield self._answer(lane, first, lead)
        for leg in broken:
            yield self._end(_ROLES.get(leg.disposition, "bad"), lead, self._broken(leg))

    def _answer(self, lane: Lane, first: Leg, lead: str) -> Line:
        """Nothing stopped a packet; that does not mean that the client is content."""
        if first.disposition == LEFT:
            return self._end("unknown", lead, f"{first.end or ENDS[LEFT]} ({lane.result})")
        server = lane.outcome.server if lane.outcome else None
        port = f" on port {server.port}" if server and server.port else ""
        seen = lane.outcome.seen_source if lane.outcome else ""
        client = f", to a client seen as {seen}" if seen else ""
        who = "each answers" if len(lane.branches) > 1 else "answers"
        if lane.result == "ok":
            return self._end("good", lead, f"{who}{port}{client}")
        packet = lane.legs[-1].last
        last = f"; the last of it is {packet.text}" if packet and len(lane.legs) > 1 else ""
        return self._end("bad", lead, f"{who}{port}{client}: {lane.result}{last}")

    def _end(self, role: str, lead: str, text: str) -> Line:
        mark = {"good": self._glyphs.good, "unknown": self._glyphs.unknown}.get(
            role, self._glyphs.bad
        )
        return Line(f"{lead}{mark} ", f"{lead}  ", text, role)

    def _broken(self, leg: Leg) -> str:
        where = place(leg.stations[-1].nodes, self._names) if leg.stations else "?"
        return f"the {leg.purpose} stops at {where}: {leg.end or ENDS[leg.disposition]}"


def _heading(percent: str, ways: list[_Way]) -> str:
    """ "33.3%: timeout", or only the share where the results still differ."""
    results = list(dict.fromkeys(way.lane.result for way in ways))
    count = sum(len(way.lane.branches) for way in ways)
    number = f" ({count} ways)" if count > 1 else ""
    return f"{percent}{number}: {' or '.join(results)}"


_ROLES = {ARRIVED: "good", LEFT: "unknown", UNTOLD: "unknown"}
"""How an end is marked; all others are bad."""


def plain(lines: tuple[Line, ...]) -> str:
    """The tree as text without wrapping."""
    return "\n".join(line.lead + line.text for line in lines)
