"""Targets that leave a packet on its way: they log, count, classify or rewrite what skoop does not
follow (the checksum, the queueing class, members of sets)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.netstack.iptables.target.base import Op, Option, Target, TargetType, UnmodelledError


def _inert(name: str, effect: str, valued: str = "", flags: str = "") -> TargetType:
    target = Target(op=Op.CONTINUE, effect=effect)
    options = {**dict.fromkeys(valued.split(), 1), **dict.fromkeys(flags.split(), 0)}

    def build(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
        return target

    return TargetType(name, options, build)


def _build_set(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
    """Adding and deleting entries acts on later packets; --map-set rewrites this one's mark."""
    if any(option.name == "map-set" for option in options):
        raise UnmodelledError("SET --map-set takes marks from a set, which is not modelled")
    return Target(op=Op.CONTINUE, effect="change a set")


_LOG_FLAGS = "log-tcp-sequence log-tcp-options log-ip-options log-uid log-macdecode"

INERT: tuple[TargetType, ...] = (
    _inert("AUDIT", "audit", "type"),
    _inert("CHECKSUM", "fill the checksum", flags="checksum-fill"),
    _inert("CLASSIFY", "classify", "set-class"),
    _inert("CONNSECMARK", "security mark", flags="save restore"),
    _inert("ECN", "remove ECN", flags="ecn-tcp-remove"),
    _inert("IDLETIMER", "reset a timer", "timeout label", "alarm send_nl_msg"),
    _inert("LED", "blink", "led-trigger-id led-delay", "led-always-blink"),
    _inert("LOG", "log", "log-level log-prefix", _LOG_FLAGS),
    _inert(
        "NFLOG",
        "log",
        "nflog-group nflog-prefix nflog-range nflog-size nflog-threshold",
    ),
    _inert("RATEEST", "measure", "rateest-name rateest-interval rateest-ewmalog"),
    _inert("SECMARK", "security mark", "selctx"),
    _inert("TCPOPTSTRIP", "strip TCP options", "strip-options"),
    _inert("TEE", "send a copy elsewhere", "gateway oif"),
    _inert("TRACE", "trace"),
    _inert("ULOG", "log", "ulog-nlgroup ulog-prefix ulog-cprange ulog-qthreshold"),
)
SET = TargetType(
    "SET",
    {
        "add-set": 2,
        "del-set": 2,
        "map-set": 2,
        "timeout": 1,
        **dict.fromkeys(("exist", "map-mark", "map-prio", "map-queue"), 0),
    },
    _build_set,
)
