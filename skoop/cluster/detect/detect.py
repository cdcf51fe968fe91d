"""All detections together, under what the user says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import structs

from skoop.cluster.detect.calico import detect_calico
from skoop.cluster.detect.calico_facts import CalicoConfig
from skoop.cluster.detect.cidrs import Cidrs, detect_pod_cidrs, detect_service_cidrs
from skoop.cluster.detect.cni import detect_cni
from skoop.cluster.detect.distribution import server_arguments
from skoop.cluster.detect.facts import (
    BY_USER,
    ClusterFacts,
    Cni,
    Fact,
    FlannelConfig,
)
from skoop.cluster.detect.flannel import detect_flannel
from skoop.cluster.detect.kubeproxy import cidrs
from skoop.cluster.detect.proxy_source import detect_proxy
from skoop.errors import UsageError
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Inventory
from skoop.model.request import Overrides
from skoop.netstack.state import Namespace
from skoop.service.config import ProxyConfig, ProxyMode

_NO_OVERRIDES = Overrides()
_BACKENDS = ("vxlan", "host-gw", "udp", "wireguard", "ipip", "ipsec", "alloc", "extension")
_NO_PLUGIN = (
    "nothing tells which one it is: nodes are walked as plain Linux, and what the plugin should "
    "have set up is not compared; --network-plugin names it"
)
# "kubernetes ZONES..." in a Corefile; the first zone that is not for reverse names.
_COREFILE_ZONE = re.compile(r"^\s*kubernetes[ \t]+([^\s{]+)", re.MULTILINE)


def detect(
    inventory: Inventory,
    hosts: Mapping[str, Namespace],
    *,
    proxies: Mapping[str, str] = {},
    overrides: Overrides = _NO_OVERRIDES,
) -> ClusterFacts:
    """Find out about a cluster.

    `hosts` are the nodes' own network namespaces by node name, as far as collected, and `proxies`
    the modes that their kube-proxies say. Raises UsageError for an override that means nothing.
    """
    proxy, proxy_notes = detect_proxy(inventory, hosts, proxies)
    proxy = _override_proxy(proxy, overrides)
    flannel, flannel_notes = detect_flannel(inventory)
    flannel = _override_flannel(flannel, overrides)
    calico, calico_notes = detect_calico(inventory)
    cni = _override_cni(detect_cni(inventory, hosts), overrides)
    if cni.value is Cni.CALICO and calico.value.ebpf_on("") and not overrides.proxy_mode:
        proxy = Fact(ProxyConfig(mode=ProxyMode.EBPF), "Calico's eBPF data plane")
    pools = calico if cni.value is Cni.CALICO and not calico.value.host_local else None
    pods, pod_notes = detect_pod_cidrs(inventory, proxy, flannel, pools)
    services, service_notes = detect_service_cidrs(inventory)
    return ClusterFacts(
        cni=cni,
        proxy_mode=Fact(proxy.value.mode, proxy.source, proxy.certain),
        proxy=proxy,
        pod_cidrs=_override_cidrs(pods, overrides.cluster_cidr, "--cluster-cidr"),
        service_cidrs=_override_cidrs(services, overrides.service_cidr, "--service-cidr"),
        flannel=flannel,
        calico=calico,
        cluster_domain=_cluster_domain(inventory, overrides),
        notes=(
            *(proxy_notes + flannel_notes + calico_notes),
            *_unwalked(cni, calico),
            *(pod_notes + service_notes),
            *_unrecognised(cni),
        ),
    )


def _unwalked(cni: Fact[Cni], calico: Fact[CalicoConfig]) -> Iterator[NotChecked]:
    """What of Calico is recognised and not followed."""
    if cni.value is not Cni.CALICO:
        return
    if calico.value.ebpf_on(""):
        why = "its programs forward packets, serve Services and enforce policies; not followed"
        yield NotChecked("Calico's eBPF data plane", why)
    if calico.value.felix.wireguard:
        why = "the tunnel between nodes is followed, and not compared with what it should be"
        yield NotChecked("Calico's WireGuard", why)


def _override_cni(found: Fact[Cni], overrides: Overrides) -> Fact[Cni]:
    name = overrides.network_plugin
    return Fact(known_plugin(name), BY_USER) if name else found


def known_plugin(name: str) -> Cni:
    """The network plugin of a name. Raises UsageError with those there are."""
    try:
        return Cni(name.lower())
    except ValueError as error:
        known = ", ".join(each.value for each in Cni)
        raise UsageError(f"{name[:60]!r} is not a network plugin skoop knows: {known}") from error


def _unrecognised(cni: Fact[Cni]) -> tuple[NotChecked, ...]:
    if cni.value is not Cni.UNKNOWN or cni.source == BY_USER:
        return ()
    return (NotChecked("the network plugin", _NO_PLUGIN),)


def _override_flannel(found: Fact[FlannelConfig], overrides: Overrides) -> Fact[FlannelConfig]:
    kind = overrides.flannel_backend.lower()
    if not kind:
        return found
    if kind not in _BACKENDS:
        raise UsageError(
            f"{kind[:60]!r} is not a backend of flannel that skoop knows: {', '.join(_BACKENDS)}"
        )
    return Fact(structs.replace(found.value, backend=kind), BY_USER)


def _override_proxy(found: Fact[ProxyConfig], overrides: Overrides) -> Fact[ProxyConfig]:
    name = overrides.proxy_mode
    if not name:
        return found
    try:
        mode = ProxyMode(name.lower())
    except ValueError as error:
        known = ", ".join(each.value for each in ProxyMode)
        raise UsageError(f"{name[:60]!r} is not a proxy mode: {known}") from error
    return Fact(structs.replace(found.value, mode=mode), BY_USER)


def _override_cidrs(found: Cidrs, text: str, flag: str) -> Cidrs:
    if not text:
        return found
    try:
        return Fact(cidrs(text), BY_USER)
    except ValueError as error:
        raise UsageError(f"{flag} {text[:60]!r}: {error}") from error


def _cluster_domain(inventory: Inventory, overrides: Overrides) -> Fact[str]:
    if overrides.cluster_domain:
        return Fact(overrides.cluster_domain.strip("."), BY_USER)
    for each in inventory.config_maps:
        match = _COREFILE_ZONE.search(each.data.get("Corefile", ""))
        if match and not match[1].endswith(".arpa"):
            source = f"Corefile of ConfigMap {each.namespace}/{each.name}"
            return Fact(match[1].rstrip("."), source)
    server = server_arguments(inventory)
    if server is not None and server.get("cluster-domain"):
        return Fact(server.get("cluster-domain"), server.source)
    return Fact("cluster.local", "Kubernetes' default", certain=False)
