"""kube-proxy's configuration, as a file and as flags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from skoop.cluster.detect.arguments import flags
from skoop.model.address import Prefix, parse_prefix
from skoop.service.config import ProxyConfig, ProxyMode

_Bit = Annotated[int, Meta(ge=0, le=31)]


class _Rules(Struct, rename="camel"):
    masquerade_all: bool | None = None
    masquerade_bit: _Bit | None = None
    localhost_node_ports: bool | None = None


class _DetectLocal(Struct, rename="camel"):
    bridge_interface: str = ""
    interface_name_prefix: str = ""


_NAMES = {
    "cluster_cidr": "clusterCIDR",
    "detect_local_mode": "detectLocalMode",
    "detect_local": "detectLocal",
    "node_port_addresses": "nodePortAddresses",
}


class _Configuration(Struct, rename=_NAMES):
    mode: str | None = None
    cluster_cidr: str | None = None
    detect_local_mode: str | None = None
    detect_local: _DetectLocal | None = None
    node_port_addresses: list[str] | None = None
    iptables: _Rules | None = None
    nftables: _Rules | None = None


def parse_configuration(text: str) -> ProxyConfig:
    """Read a KubeProxyConfiguration in YAML. Raises ValueError."""
    wire = _decode(_yaml(text))
    mode = _mode(wire.mode or "")
    # ipvs mode takes masquerading from the iptables section (cmd/kube-proxy/app/server_linux.go).
    rules = (wire.nftables if mode is ProxyMode.NFTABLES else wire.iptables) or _Rules()
    listed = [each for each in wire.node_port_addresses or () if each != "primary"]
    local, detect = wire.detect_local or _DetectLocal(), wire.detect_local_mode or "ClusterCIDR"
    return ProxyConfig(
        mode=mode,
        cluster_cidrs=cidrs(wire.cluster_cidr or ""),
        detect_local_mode=detect,
        pod_interface=_interface(detect, local.bridge_interface, local.interface_name_prefix),
        masquerade_all=bool(rules.masquerade_all),
        masquerade_bit=14 if rules.masquerade_bit is None else rules.masquerade_bit,
        node_port_addresses=tuple(parse_prefix(each) for each in listed),
        primary_node_ports="primary" in (wire.node_port_addresses or ()),
        localhost_node_ports=rules.localhost_node_ports is not False,
    )


def _interface(detect: str, bridge: str, prefix: str) -> str:
    """By which interface pods are told from others, "" where not by one, or where none is named."""
    if detect == "BridgeInterface":
        return bridge
    return f"{prefix}*" if detect == "InterfaceNamePrefix" and prefix else ""


def cidrs(text: str) -> tuple[Prefix, ...]:
    """CIDRs separated by commas, as dual-stack clusters write them. Raises ValueError."""
    return tuple(parse_prefix(each.strip()) for each in text.split(",") if each.strip())


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"not YAML: {str(error).splitlines()[0]}") from error


def _decode(value: Any) -> _Configuration:
    try:
        return msgspec.convert(value, _Configuration)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _mode(text: str) -> ProxyMode:
    """An empty mode is iptables on Linux (kube-proxy's documentation)."""
    try:
        return ProxyMode(text or "iptables")
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not a proxy mode") from error


def parse_flags(words: Iterable[str]) -> ProxyConfig:
    """Read kube-proxy's command line. Raises ValueError."""
    found = flags(words)
    bit = found.get("iptables-masquerade-bit", "14")
    listed = [each for each in found.get("nodeport-addresses", "").split(",") if each]
    if not bit.isdecimal() or int(bit) > 31:
        raise ValueError(f"{bit[:20]!r} is not a bit of the mark")
    detect = found.get("detect-local-mode", "ClusterCIDR")
    bridge = found.get("pod-bridge-interface", "")
    prefix = found.get("pod-interface-name-prefix", "")
    return ProxyConfig(
        mode=_mode(found.get("proxy-mode", "")),
        cluster_cidrs=cidrs(found.get("cluster-cidr", "")),
        detect_local_mode=detect,
        pod_interface=_interface(detect, bridge, prefix),
        masquerade_all=found.get("masquerade-all", "false") in ("true", ""),
        masquerade_bit=int(bit),
        node_port_addresses=tuple(parse_prefix(each) for each in listed if each != "primary"),
        primary_node_ports="primary" in listed,
        localhost_node_ports=found.get("iptables-localhost-nodeports", "true") != "false",
    )
