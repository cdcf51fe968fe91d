"""Packets that a firewall rule stopped."""

from __future__ import annotations

import re

from skoop.diagnose.causes.base import Setting
from skoop.diagnose.causes.nodeports import node_port
from skoop.findings import conntrack as ct
from skoop.findings import netfilter as nf
from skoop.findings import node as host
from skoop.findings import overlay, service
from skoop.findings.base import Finding
from skoop.model.diagnosis import Suspicion
from skoop.model.disposition import Disposition
from skoop.netstack.ipvs.stage import IPVS

_SET = re.compile(r"--match-set (\S+)")
_KUBE_COMMENT = re.compile(r'--comment "?([^"]*?has no (?:local )?endpoints[^"]*)"?')


def by_rule(setting: Setting) -> Suspicion:
    """Reason.RULE: what kind of rule it is, and who probably wrote it."""
    stop = setting.blocker.stop
    engine, table, chain = _place(stop.where)
    rejected = stop.disposition is Disposition.REJECTED
    verb = "rejects" if rejected else "drops"
    finding = _finding(setting, engine, table, chain)
    packet = setting.blocker.packet
    rule = stop.rule or stop.detail
    message = f"A rule on {setting.place} {verb} {packet}: {rule}"
    if finding is nf.ForwardPolicyDrop:
        message = f"The policy of {stop.where} on {setting.place} drops {packet}"
    fix = "" if engine == IPVS else _fix(engine, table, chain, rule)
    if finding in _ABOUT_ANYTHING:
        door = node_port(setting, fix)
        if door is not None:
            return door
    return setting.suspect(finding, message, fix=fix)


def _place(where: str) -> tuple[str, str, str]:
    """ "iptables-legacy filter FORWARD" and "nft inet fw forward" as engine, table, chain."""
    words = where.split(" ")
    return words[0], " ".join(words[1:-1]), words[-1]


def _finding(setting: Setting, engine: str, table: str, chain: str) -> type[Finding]:
    stop, packet = setting.blocker.stop, setting.blocker.packet
    rule, rejected = stop.rule, stop.disposition is Disposition.REJECTED
    if packet.inner is not None:
        by_port = packet.vni >= 0 or packet.seal is not None
        return overlay.UnderlayPortBlocked if by_port else overlay.IpipProtoBlocked
    if "-m rpfilter" in rule:
        return nf.RpfilterMatchDrop
    if chain.startswith("KUBE-") or table.endswith("kube-proxy"):
        return _kube_proxy(rule, chain, rejected=rejected)
    if "INVALID" in rule or "ct state invalid" in rule:
        untracked = "UNTRACKED" in rule
        return ct.ConntrackAsymmetricInvalid if untracked else ct.ConntrackInvalidDrop
    if engine == "nft":
        return nf.ForeignFirewall
    if "policy drop" in stop.detail or not rule.startswith("-A"):
        return nf.ForwardPolicyDrop if chain == "FORWARD" else nf.FilterDrop
    if table in _BY_TABLE:
        return _BY_TABLE[table]
    if chain.startswith(_GUEST_FIREWALLS):
        return host.GuestFirewall
    return nf.FilterReject if rejected else nf.FilterDrop


_BY_TABLE: dict[str, type[Finding]] = {"raw": nf.RawDrop, "mangle": nf.MangleDrop}
_ABOUT_ANYTHING = (
    nf.FilterDrop, nf.FilterReject, nf.RawDrop, nf.MangleDrop, nf.ForeignFirewall,
    host.GuestFirewall,
)  # fmt: skip
"""Findings that only say where the rule stands."""
_GUEST_FIREWALLS = ("ufw-", "IN_", "FWDI_", "FWDO_", "INPUT_ZONES", "FORWARD_IN_ZONES")


def _kube_proxy(rule: str, chain: str, *, rejected: bool) -> type[Finding]:
    if "KUBE-FW" in rule or chain == "KUBE-PROXY-FIREWALL" or "firewall" in chain:
        return service.SourceRangeDeny
    if chain.startswith("KUBE-FIREWALL"):
        return nf.FilterDrop
    if "INVALID" in rule:
        return ct.ConntrackInvalidDrop
    if "has no local endpoints" in rule:
        return service.EtpLocalNoEndpoint
    return nf.FilterReject if rejected else nf.FilterDrop


def _fix(engine: str, table: str, chain: str, rule: str) -> str:
    if engine == "nft":
        return (
            f"nft -a list chain {table} {chain}   # then: nft delete rule {table} {chain} handle N"
        )
    if rule.startswith("-A "):
        return f"{engine} -t {table} -D {rule[3:]}"
    return f"{engine} -t {table} -P {chain} ACCEPT"
