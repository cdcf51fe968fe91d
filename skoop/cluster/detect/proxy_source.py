"""Where kube-proxy's configuration is found, in the order in which the sources are believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import structs

from skoop.cluster.detect.distribution import server_arguments
from skoop.cluster.detect.facts import UNKNOWN_SOURCE, Fact
from skoop.cluster.detect.kubeproxy import parse_configuration, parse_flags
from skoop.model.address import parse_prefix
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import ConfigMap, Inventory
from skoop.netstack.state import Namespace
from skoop.service.config import ProxyConfig, ProxyMode

_KIND = "KubeProxyConfiguration"
_PROXY = "kube-proxy"
_RANGE = "10.42.0.0/16"
_SERVED = (ProxyMode.IPTABLES, ProxyMode.NFTABLES, ProxyMode.IPVS)

Found = Fact[ProxyConfig]


def detect_proxy(
    inventory: Inventory, hosts: Mapping[str, Namespace], proxies: Mapping[str, str]
) -> tuple[Found, tuple[NotChecked, ...]]:
    """kube-proxy's configuration: a CNI that replaces it, its ConfigMap, its command line, its
    distribution's, else only its mode, from what the kube-proxies say (`proxies`, by node) or from
    what is on the nodes.

    A mode that no kube-proxy says, or of which no collected node shows a trace, while all say or
    show the same other one, is not believed: kube-proxy has not read its configuration since.
    """
    notes: list[NotChecked] = []
    seen = said_modes(proxies) or seen_modes(hosts)
    for found in _configured(inventory, notes):
        return _confirmed(found, seen, notes), tuple(notes)
    return _by_traces(seen), tuple(notes)


def _configured(inventory: Inventory, notes: list[NotChecked]) -> Iterator[Found]:
    yield from _replacement(inventory)
    yield from _config_maps(inventory, notes)
    yield from _command_lines(inventory, notes)
    yield from _distribution(inventory, notes)


def _replacement(inventory: Inventory) -> Iterator[Found]:
    """Cilium with kube-proxy-replacement on serves Services itself, and so does kube-router where
    there is no kube-proxy beside it (its IPVS is set up in another way)."""
    for router in inventory.daemon_sets:
        words = [word for c in router.containers for word in (*c.command, *c.args)]
        alone = not any(other.name == _PROXY for other in inventory.daemon_sets)
        if router.name == "kube-router" and alone and "--run-service-proxy=false" not in words:
            source = f"DaemonSet {router.namespace}/{router.name}"
            yield Fact(ProxyConfig(mode=ProxyMode.EBPF), source)
    for each in inventory.config_maps:
        value = each.data.get("kube-proxy-replacement", "")
        if each.name == "cilium-config" and value in ("true", "strict"):
            source = f"kube-proxy-replacement of ConfigMap {each.namespace}/{each.name}"
            yield Fact(ProxyConfig(mode=ProxyMode.EBPF), source)


def _config_maps(inventory: Inventory, notes: list[NotChecked]) -> Iterator[Found]:
    for config_map in sorted(inventory.config_maps, key=_preference):
        if not config_map.name.startswith(_PROXY):
            continue
        for key, text in sorted(config_map.data.items()):
            if _KIND not in text:
                continue
            source = f"{key} of ConfigMap {config_map.namespace}/{config_map.name}"
            try:
                yield Fact(parse_configuration(text), source)
            except ValueError as error:
                notes.append(NotChecked(source, f"cannot be read: {error}"))


def _preference(config_map: ConfigMap) -> tuple[bool, bool, str, str]:
    return (
        config_map.namespace != "kube-system",
        config_map.name != _PROXY,
        config_map.namespace,
        config_map.name,
    )


def _command_lines(inventory: Inventory, notes: list[NotChecked]) -> Iterator[Found]:
    for source, words in _commands(inventory):
        try:
            # With --config everything that counts is in a file that was not seen.
            certain = not any(word.startswith("--config") for word in words)
            yield Fact(parse_flags(words), source, certain=certain)
        except ValueError as error:
            notes.append(NotChecked(source, f"cannot be read: {error}"))


def _commands(inventory: Inventory) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Of its DaemonSet, else of a static pod on some node (RKE2, GKE)."""
    for each in inventory.daemon_sets:
        for container in each.containers:
            words = (*container.command, *container.args)
            if _PROXY in f"{each.name} {words[:1]}":
                yield f"command line of DaemonSet {each.namespace}/{each.name}", words
    for pod in inventory.pods:
        if pod.namespace != "kube-system" or not pod.name.startswith(_PROXY):
            continue
        for running in pod.containers:
            if running.name == _PROXY and running.command and not pod.finished:
                yield f"command line of pod {pod.namespace}/{pod.name}", running.command
                return


def _distribution(inventory: Inventory, notes: list[NotChecked]) -> Iterator[Found]:
    server = server_arguments(inventory)
    if server is None:
        return
    if "disable-kube-proxy" in server.flags and server.get("disable-kube-proxy") != "false":
        what = f"--disable-kube-proxy in {server.source}"
        yield Fact(ProxyConfig(mode=ProxyMode.UNKNOWN), what)
        return
    cidr = server.get("cluster-cidr") or _default_range(inventory)
    try:
        words = (f"--cluster-cidr={cidr}", *server.component(_PROXY))
        yield Fact(parse_flags(words), server.source, certain=False)
    except ValueError as error:
        notes.append(NotChecked(server.source, f"cannot be read: {error}"))


def _default_range(inventory: Inventory) -> str:
    """k3s' pods' range, if that is where the nodes' are."""
    default = parse_prefix(_RANGE)
    found = [each for node in inventory.nodes for each in node.pod_cidrs]
    inside = [each for each in found if default.contains(each.network)]
    return _RANGE if inside == found else ""


def said_modes(proxies: Mapping[str, str]) -> dict[str, dict[ProxyMode, str]]:
    """What each node's kube-proxy says, by node."""
    return {
        name: {mode: f"kube-proxy on node {name} says {text}"}
        for name, text in proxies.items()
        for mode in _SERVED
        if mode.value == text
    }


def seen_modes(hosts: Mapping[str, Namespace]) -> dict[str, dict[ProxyMode, str]]:
    """What each collected node shows of each mode, by node."""
    return {name: dict(_traces(name, host)) for name, host in hosts.items()}


def _traces(name: str, host: Namespace) -> Iterator[tuple[ProxyMode, str]]:
    ipvs = any(link.name == "kube-ipvs0" for link in host.links)
    if ipvs:
        yield ProxyMode.IPVS, f"device kube-ipvs0 on node {name}"
    for ruleset in host.rulesets:
        if ruleset.family is None and any(_of_nft_proxy(each.name) for each in ruleset.chains):
            yield ProxyMode.NFTABLES, f"nft table kube-proxy on node {name}"
        # In ipvs mode kube-proxy has a chain of that name too.
        if not ipvs and ruleset.family is not None and ":KUBE-SERVICES " in ruleset.text:
            yield ProxyMode.IPTABLES, f"chain KUBE-SERVICES on node {name}"


def _of_nft_proxy(chain: str) -> bool:
    """Base chains are named "ip kube-proxy nat-prerouting"."""
    return "kube-proxy" in chain.split()[:2]


def _confirmed(
    found: Found, seen: Mapping[str, Mapping[ProxyMode, str]], notes: list[NotChecked]
) -> Found:
    mode = found.value.mode
    common = set.intersection(*(set(each) for each in seen.values())) if seen else set()
    if mode not in _SERVED or any(mode in each for each in seen.values()) or len(common) != 1:
        return found
    (other,) = common
    trace = next(iter(seen.values()))[other]
    why = f"{found.source} says {mode.value}, but no node does: {trace}"
    notes.append(NotChecked("kube-proxy's mode", why))
    return Fact(structs.replace(found.value, mode=other), trace)


def _by_traces(seen: Mapping[str, Mapping[ProxyMode, str]]) -> Found:
    for mode in (ProxyMode.IPVS, ProxyMode.NFTABLES, ProxyMode.IPTABLES):
        for traces in seen.values():
            if mode in traces:
                return Fact(ProxyConfig(mode=mode), traces[mode], certain=False)
    return Fact(ProxyConfig(mode=ProxyMode.UNKNOWN), UNKNOWN_SOURCE, certain=False)
