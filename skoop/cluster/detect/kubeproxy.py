"""kube-proxy's configuration."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from skoop.cluster.detect.arguments import flags
from skoop.cluster.detect.facts import UNKNOWN_SOURCE, Fact
from skoop.model.address import Prefix, parse_prefix
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import ConfigMap, Inventory
from skoop.netstack.state import Namespace
from skoop.service.config import ProxyConfig, ProxyMode

_KIND = "KubeProxyConfiguration"
_Bit = Annotated[int, Meta(ge=0, le=31)]


class _Rules(Struct, rename="camel"):
    masquerade_all: bool | None = None
    masquerade_bit: _Bit | None = None
    localhost_node_ports: bool | None = None


_NAMES = {
    "cluster_cidr": "clusterCIDR",
    "detect_local_mode": "detectLocalMode",
    "node_port_addresses": "nodePortAddresses",
}


class _Configuration(Struct, rename=_NAMES):
    mode: str | None = None
    cluster_cidr: str | None = None
    detect_local_mode: str | None = None
    node_port_addresses: list[str] | None = None
    iptables: _Rules | None = None
    nftables: _Rules | None = None


def detect_proxy(
    inventory: Inventory,
    hosts: Mapping[str, Namespace],
    iptables_chains: Mapping[str, Set[str]],
) -> tuple[Fact[ProxyConfig], tuple[NotChecked, ...]]:
    """kube-proxy's configuration from its ConfigMap, else from its command line, else only its mode
    from what is on the nodes. A mode of a CNI that replaces kube-proxy counts first."""
    replaced = _replacement(inventory)
    if replaced is not None:
        return replaced, ()
    notes: list[NotChecked] = []
    for config_map in sorted(inventory.config_maps, key=_preference):
        if not config_map.name.startswith("kube-proxy"):
            continue
        for key, text in sorted(config_map.data.items()):
            if _KIND not in text:
                continue
            source = f"{key} of ConfigMap {config_map.namespace}/{config_map.name}"
            try:
                return Fact(parse_configuration(text), source), tuple(notes)
            except ValueError as error:
                notes.append(NotChecked(source, f"cannot be read: {error}"))
    try:
        found = _from_command_line(inventory)
    except ValueError as error:
        notes.append(NotChecked("kube-proxy's command line", f"cannot be read: {error}"))
        found = None
    return found or _from_hosts(hosts, iptables_chains), tuple(notes)


def parse_configuration(text: str) -> ProxyConfig:
    """Read a KubeProxyConfiguration in YAML. Raises ValueError."""
    wire = _decode(_yaml(text))
    mode = _mode(wire.mode or "")
    # ipvs mode takes masquerading from the iptables section (cmd/kube-proxy/app/server_linux.go).
    rules = (wire.nftables if mode is ProxyMode.NFTABLES else wire.iptables) or _Rules()
    listed = [each for each in wire.node_port_addresses or () if each != "primary"]
    return ProxyConfig(
        mode=mode,
        cluster_cidrs=cidrs(wire.cluster_cidr or ""),
        detect_local_mode=wire.detect_local_mode or "ClusterCIDR",
        masquerade_all=bool(rules.masquerade_all),
        masquerade_bit=14 if rules.masquerade_bit is None else rules.masquerade_bit,
        node_port_addresses=tuple(parse_prefix(each) for each in listed),
        primary_node_ports="primary" in (wire.node_port_addresses or ()),
        localhost_node_ports=rules.localhost_node_ports is not False,
    )


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


def _from_command_line(inventory: Inventory) -> Fact[ProxyConfig] | None:
    for each in inventory.daemon_sets:
        for container in each.containers:
            words = (*container.command, *container.args)
            if "kube-proxy" not in f"{each.name} {words[:1]}":
                continue
            found = flags(words)
            source = f"command line of DaemonSet {each.namespace}/{each.name}"
            return Fact(_from_flags(found), source, certain="config" not in found)
    return None


def _from_flags(found: Mapping[str, str]) -> ProxyConfig:
    bit = found.get("iptables-masquerade-bit", "14")
    listed = [each for each in found.get("nodeport-addresses", "").split(",") if each]
    if not bit.isdecimal() or int(bit) > 31:
        raise ValueError(f"{bit[:20]!r} is not a bit of the mark")
    return ProxyConfig(
        mode=_mode(found.get("proxy-mode", "")),
        cluster_cidrs=cidrs(found.get("cluster-cidr", "")),
        detect_local_mode=found.get("detect-local-mode", "ClusterCIDR"),
        masquerade_all=found.get("masquerade-all", "false") in ("true", ""),
        masquerade_bit=int(bit),
        node_port_addresses=tuple(parse_prefix(each) for each in listed if each != "primary"),
        primary_node_ports="primary" in listed,
        localhost_node_ports=found.get("iptables-localhost-nodeports", "true") != "false",
    )


def _replacement(inventory: Inventory) -> Fact[ProxyConfig] | None:
    """Cilium with kube-proxy-replacement on serves Services itself, and so does kube-router where
    there is no kube-proxy beside it (its IPVS is set up in another way)."""
    for router in inventory.daemon_sets:
        words = [word for c in router.containers for word in (*c.command, *c.args)]
        alone = not any(other.name == "kube-proxy" for other in inventory.daemon_sets)
        if router.name == "kube-router" and alone and "--run-service-proxy=false" not in words:
            source = f"DaemonSet {router.namespace}/{router.name}"
            return Fact(ProxyConfig(mode=ProxyMode.EBPF), source)
    for each in inventory.config_maps:
        value = each.data.get("kube-proxy-replacement", "")
        if each.name == "cilium-config" and value in ("true", "strict"):
            source = f"kube-proxy-replacement of ConfigMap {each.namespace}/{each.name}"
            return Fact(ProxyConfig(mode=ProxyMode.EBPF), source)
    return None


def _from_hosts(
    hosts: Mapping[str, Namespace], iptables_chains: Mapping[str, Set[str]]
) -> Fact[ProxyConfig]:
    for name, host in hosts.items():
        if any(link.name == "kube-ipvs0" for link in host.links):
            return _guess(ProxyMode.IPVS, f"device kube-ipvs0 on node {name}")
        if any(_of_nft_proxy(chain.name) for ruleset in host.rulesets for chain in ruleset.chains):
            return _guess(ProxyMode.NFTABLES, f"nft table kube-proxy on node {name}")
    for name, chains in iptables_chains.items():
        if "KUBE-SERVICES" in chains:
            return _guess(ProxyMode.IPTABLES, f"chain KUBE-SERVICES on node {name}")
    return _guess(ProxyMode.UNKNOWN, UNKNOWN_SOURCE)


def _of_nft_proxy(chain: str) -> bool:
    """Base chains are named "ip kube-proxy nat-prerouting"."""
    return "kube-proxy" in chain.split()[:2]


def _guess(mode: ProxyMode, source: str) -> Fact[ProxyConfig]:
    return Fact(ProxyConfig(mode=mode), source, certain=False)


def _preference(config_map: ConfigMap) -> tuple[bool, bool, str, str]:
    return (
        config_map.namespace != "kube-system",
        config_map.name != "kube-proxy",
        config_map.namespace,
        config_map.name,
    )
