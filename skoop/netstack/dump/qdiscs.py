"""`tc -j qdisc` and `tc -j filter show dev DEV ingress|egress` -> what acts on packets.

Names: iproute2 tc/tc_qdisc.c, tc_filter.c, q_netem.c, m_gact.c. Where the filters of a clsact or
ingress qdisc were not collected, any may be there.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from skoop.netstack.dump.jsontext import entries, located
from skoop.netstack.dump.links import HARMLESS_QDISC
from skoop.netstack.state import FREE, Action, Link, Shaping, TrafficControl

Filters = Mapping[tuple[str, str], Shaping]
"""By device and "ingress" or "egress"."""


class _Chance(Struct, frozen=True):
    loss: float = 0.0


class _Options(Struct, frozen=True, rename="kebab"):
    """Of netem and the fifos; `limit` is a number of packets, of bfifo one with a unit."""

    limit: int | str = 1
    loss_random: _Chance = _Chance()
    loss_state: msgspec.Raw = msgspec.Raw()
    loss_gemodel: msgspec.Raw = msgspec.Raw()
    corrupt: msgspec.Raw = msgspec.Raw()


class _Qdisc(Struct, frozen=True):
    kind: str
    dev: str = ""
    handle: str = ""
    root: bool = False
    options: msgspec.Raw = msgspec.Raw(b"{}")


_DECODER = msgspec.json.Decoder(_Qdisc)
_OPTIONS = msgspec.json.Decoder(_Options)
_HOLDERS = {"clsact": ("ingress", "egress"), "ingress": ("ingress",)}
_FIFOS = ("pfifo", "bfifo")


def read_qdiscs(
    text: str, source: str, filters: Filters | None = None
) -> Mapping[str, TrafficControl]:
    """What acts on packets, by interface, of those that `tc` names. Raises ParseError."""
    found: dict[str, TrafficControl] = {}
    for item, own in entries(text, _DECODER, source):
        before = found.get(item.dev, TrafficControl())
        if item.kind in _HOLDERS:
            ways = {way: _held(item, way, filters or {}) for way in _HOLDERS[item.kind]}
            added = TrafficControl(**ways)
        else:
            try:
                added = TrafficControl(egress=_queueing(item))
            except msgspec.DecodeError as error:
                raise located(source, own, ValueError(str(error))) from error
        found[item.dev] = _both(before, added)
    return found


def _held(item: _Qdisc, way: str, filters: Filters) -> Shaping:
    unknown = Shaping(Action.MAY_ACT, f"qdisc {item.kind}")
    return filters.get((item.dev, way), unknown)


def _queueing(item: _Qdisc) -> Shaping:
    """A qdisc that is not the root gets only some of the packets. Raises DecodeError."""
    if item.kind == "netem":
        options = _OPTIONS.decode(item.options)
        others = (options.loss_state, options.loss_gemodel, options.corrupt)
        return _losing(item, options.loss_random.loss, others=any(bytes(each) for each in others))
    if item.kind in _FIFOS:
        empty = _OPTIONS.decode(item.options).limit in (0, "0b")
        return _shaping(item, Action.DROPS, "limit 0") if empty else FREE
    harmless = item.kind in HARMLESS_QDISC or not item.root
    return FREE if harmless else _shaping(item, Action.MAY_ACT, "")


def _losing(item: _Qdisc, loss: float, *, others: bool) -> Shaping:
    if loss >= 1:
        return _shaping(item, Action.DROPS, "loss 100%")
    if loss > 0:
        return _shaping(item, Action.MAY_ACT, f"loss {100 * loss:.4g}%")
    return _shaping(item, Action.MAY_ACT, "with losses") if others else FREE


def _shaping(item: _Qdisc, action: Action, what: str) -> Shaping:
    if action is Action.DROPS and not item.root:
        action = Action.MAY_ACT
    root = " root" if item.root else ""
    line = f"qdisc {item.kind} {item.handle} dev {item.dev}{root} {what}"
    return Shaping(action, f"qdisc {item.kind} {what}".rstrip(), line.rstrip())


_ORDER = (Action.PASSES, Action.MAY_ACT, Action.PROGRAM, Action.DROPS)


def _both(one: TrafficControl, other: TrafficControl) -> TrafficControl:
    return TrafficControl(
        ingress=max(one.ingress, other.ingress, key=_weight),
        egress=max(one.egress, other.egress, key=_weight),
    )


def _weight(shaping: Shaping) -> int:
    return _ORDER.index(shaping.action)


class _Control(Struct, frozen=True):
    type: str = ""


class _Probability(Struct, frozen=True):
    random_type: str = "none"


class _Act(Struct, frozen=True):
    kind: str = ""
    control_action: _Control = _Control()
    prob: _Probability = _Probability()

    @property
    def is_certain(self) -> bool:
        """Whether it is the plain action, and not drawn by chance."""
        return self.kind == "gact" and self.prob.random_type == "none"


class _FilterOptions(Struct, frozen=True):
    bpf_name: str = ""
    actions: tuple[_Act, ...] = ()


class _Filter(Struct, frozen=True):
    """Each filter comes after a line of its kind alone, which has no options."""

    kind: str
    protocol: str = ""
    pref: int = 0
    options: _FilterOptions | None = None


_FILTERS = msgspec.json.Decoder(_Filter)


def read_filters(text: str, source: str) -> Shaping:
    """What the filters of one device and direction do: the first one that may act decides. Raises
    ParseError."""
    for item, _ in entries(text, _FILTERS, source):
        if item.options is not None:
            return _first(item, item.options)
    return FREE


def _first(item: _Filter, options: _FilterOptions) -> Shaping:
    line = f"filter protocol {item.protocol} pref {item.pref} {item.kind}"
    if item.kind == "bpf":
        name = f" {options.bpf_name}" if options.bpf_name else ""
        return Shaping(Action.PROGRAM, f"the BPF program{name}", f"{line}{name}")
    acts = options.actions[:1]
    if item.kind == "matchall" and item.protocol == "all" and acts and acts[0].is_certain:
        verdict = acts[0].control_action.type
        if verdict == "drop":
            text = "a filter that drops everything"
            return Shaping(Action.DROPS, text, f"{line} action drop")
        if verdict == "pass":
            return FREE
    return Shaping(Action.MAY_ACT, f"a filter of kind {item.kind}", line)


def with_qdiscs(
    links: tuple[Link, ...], controls: Mapping[str, TrafficControl]
) -> tuple[Link, ...]:
    """The links, `tc` completed: `tc` knows better than `ip link` which qdisc drops."""
    if not controls:
        return links
    return tuple(
        msgspec.structs.replace(link, tc=_completed(link.tc, controls[link.name]))
        if link.name in controls
        else link
        for link in links
    )


def _completed(told: TrafficControl, known: TrafficControl) -> TrafficControl:
    """XDP is only in `ip link`."""
    ingress = max(told.ingress, known.ingress, key=_weight)
    return TrafficControl(ingress, known.egress)
