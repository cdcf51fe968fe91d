"""`ipset save` text as sets."""

from __future__ import annotations

from skoop.errors import ParseError
from skoop.model.address import Family
from skoop.netstack.ipset.elements import read_element
from skoop.netstack.ipset.sets import (
    Dimension,
    Inner,
    IpSet,
    Key,
    ListSet,
    OpaqueSet,
)
from skoop.netstack.iptables.values import address, number
from skoop.netstack.netfilter import Membership

_NAMES = {
    "ip": Dimension.IP,
    "net": Dimension.NET,
    "port": Dimension.PORT,
    "iface": Dimension.IFACE,
    "mac": Dimension.MAC,
    "mark": Dimension.MARK,
}
_VALUED = frozenset(
    {"family", "hashsize", "maxelem", "netmask", "bitmask", "markmask", "range", "size", "timeout"}
    | {"bucketsize", "initval", "probes", "resize", "gc"}
)


def _dimensions(kind: str) -> tuple[Dimension, ...]:
    """Dimensions of a type, () for one that is not known."""
    method, _, parts = kind.partition(":")
    if kind == "bitmap:port":
        return (Dimension.BARE_PORT,)
    names = parts.split(",")
    if method not in ("hash", "bitmap") or not all(name in _NAMES for name in names):
        return ()
    return tuple(_NAMES[name] for name in names)


class _Set:
    """A set being read: for each element, by the part that is looked up and the rest, whether it
    is an exception ("nomatch"); the prefix lengths that occur in each dimension; of a list:set the
    names of its members."""

    def __init__(self, kind: str, options: dict[str, str]) -> None:
        self.kind = kind
        self.dimensions = _dimensions(kind)
        self.family = self._family(options)
        self.masks = tuple(self._mask(one, options) for one in self.dimensions)
        self.entries: dict[Key, dict[Inner, bool]] = {}
        self.lengths: list[set[int]] = [set() for _ in self.dimensions]
        self.wildcards: set[str] = set()
        self.members: list[str] = []

    def _family(self, options: dict[str, str]) -> Family | None:
        addressed = {Dimension.IP, Dimension.NET} & set(self.dimensions)
        if not addressed:
            return None
        name = options.get("family", "inet")
        if name not in ("inet", "inet6"):
            raise ValueError(f"family {name[:20]!r} is not known")
        return Family.V4 if name == "inet" else Family.V6

    def _mask(self, kind: Dimension, options: dict[str, str]) -> int:
        """What is compared of a value before it is looked up (0: all of it, or by its length)."""
        if kind is Dimension.MARK:
            return number(options["markmask"]) if "markmask" in options else 0xFFFFFFFF
        bits = (self.family or Family.V4).bits
        if kind is not Dimension.IP:
            return 0
        if "bitmask" in options and self.family:
            return address(options["bitmask"], self.family)
        length = number(options["netmask"]) if "netmask" in options else bits
        if length > bits:
            raise ValueError("the netmask is too long")
        return ((1 << length) - 1) << (bits - length)

    def add(self, text: str, *, nomatch: bool, wildcard: bool) -> None:
        if self.kind == "list:set":
            self.members.append(text)
            return
        if not self.dimensions:
            return
        element = read_element(text, self.dimensions, self.family or Family.V4, self.masks)
        for key, inner in element.rows(wildcard=wildcard):
            self.entries.setdefault(key, {})[inner] = nomatch
        for lengths, shifts in zip(self.lengths, element.shifts, strict=True):
            lengths.update(shifts)
        if wildcard:
            self.wildcards.add(element.device)

    def result(self) -> IpSet | OpaqueSet:
        if not self.dimensions:
            return OpaqueSet(self.kind)
        return IpSet(
            self.kind,
            self.family,
            self.dimensions,
            self.entries,
            tuple(tuple(sorted(lengths)) for lengths in self.lengths),
            self.masks,
            tuple(sorted(self.wildcards)),
            frozenset(key[0] for key in self.entries)
            if Dimension.IFACE in self.dimensions
            else frozenset(),
        )


def _without_comment(line: str) -> str:
    """Cuts out the quoted text, in which anything may stand."""
    start, end = line.find('"'), line.rfind('"')
    return f"{line[:start]} {line[end + 1 :]}" if start >= 0 else line


def _options(words: list[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        options[word] = next(rest, "") if word in _VALUED else ""
    return options


def _take(line: str, sets: dict[str, _Set]) -> None:
    match _without_comment(line).split():
        case ["create", name, kind, *options]:
            sets[name] = _Set(kind, _options(options))
        case ["add", name, element, *flags]:
            if name not in sets:
                raise ValueError("no line creates this set")
            sets[name].add(element, nomatch="nomatch" in flags, wildcard="wildcard" in flags)
        case _:
            raise ValueError("not a line of ipset save")


def read_ipsets(text: str, source: str) -> dict[str, Membership]:
    """Sets by name. Entries that will time out are members now; a set of a type skoop does not know
    never tells. Raises ParseError."""
    sets: dict[str, _Set] = {}
    for line_number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        try:
            _take(stripped, sets)
        except ValueError as error:
            raise ParseError(source, line_number, str(error), stripped) from None
    plain: dict[str, Membership] = {
        name: one.result() for name, one in sets.items() if one.kind != "list:set"
    }
    lists = {
        name: ListSet(tuple(plain.get(m, OpaqueSet("missing")) for m in one.members))
        for name, one in sets.items()
        if one.kind == "list:set"
    }
    return {name: plain[name] if name in plain else lists[name] for name in sets}
