"""flannel's net-conf.json."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from skoop.cluster.detect.facts import UNKNOWN_SOURCE, Fact, FlannelConfig
from skoop.model.address import Prefix, parse_prefix
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import ConfigMap, Inventory

_KEY = "net-conf.json"
_BACKEND_TYPE = "flannel.alpha.coreos.com/backend-type"
_DEFAULT_PORT = 8472
_WIREGUARD_PORT = 51820

_Port = Annotated[int, Meta(ge=0, le=65535)]


class _Backend(Struct):
    type: str = field(default="udp", name="Type")
    vni: Annotated[int, Meta(ge=0, le=2**24 - 1)] = field(default=1, name="VNI")
    port: _Port = field(default=0, name="Port")
    listen_port: _Port = field(default=0, name="ListenPort")
    direct_routing: bool = field(default=False, name="DirectRouting")
    mtu: Annotated[int, Meta(ge=0, le=65535)] = field(default=0, name="MTU")


class _NetConf(Struct):
    network: str = field(default="", name="Network")
    ipv6_network: str = field(default="", name="IPv6Network")
    enable_ipv4: bool = field(default=True, name="EnableIPv4")
    enable_ipv6: bool = field(default=False, name="EnableIPv6")
    backend: _Backend | None = field(default=None, name="Backend")


def detect_flannel(inventory: Inventory) -> tuple[Fact[FlannelConfig], tuple[NotChecked, ...]]:
    """flannel's configuration from any ConfigMap with a net-conf.json, else from the annotations
    that flannel leaves on nodes (k3s has no ConfigMap)."""
    notes: list[NotChecked] = []
    for config_map in sorted(inventory.config_maps, key=_preference):
        if _KEY not in config_map.data:
            continue
        source = f"{_KEY} of ConfigMap {config_map.namespace}/{config_map.name}"
        try:
            return Fact(parse_net_conf(config_map.data[_KEY]), source), tuple(notes)
        except ValueError as error:
            notes.append(NotChecked(source, f"cannot be read: {error}"))
    return _from_nodes(inventory), tuple(notes)


def parse_net_conf(text: str) -> FlannelConfig:
    """Read net-conf.json. Raises ValueError."""
    try:
        wire = msgspec.json.decode(text, type=_NetConf)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    backend = wire.backend or _Backend()
    kind = backend.type.lower() or "udp"
    port = backend.listen_port or _WIREGUARD_PORT if kind == "wireguard" else backend.port
    return FlannelConfig(
        network=_network(wire.network),
        ipv6_network=_network(wire.ipv6_network),
        enable_ipv4=wire.enable_ipv4,
        enable_ipv6=wire.enable_ipv6,
        backend=kind,
        vni=backend.vni,
        port=port or _DEFAULT_PORT,
        direct_routing=backend.direct_routing,
        mtu=backend.mtu,
    )


def _network(text: str) -> Prefix | None:
    return parse_prefix(text) if text else None


def _from_nodes(inventory: Inventory) -> Fact[FlannelConfig]:
    for node in inventory.nodes:
        kind = node.annotations.get(_BACKEND_TYPE, "")
        if kind:
            source = f"annotation {_BACKEND_TYPE} of node {node.name}"
            return Fact(FlannelConfig(backend=kind.lower()), source, certain=False)
    return Fact(FlannelConfig(), UNKNOWN_SOURCE, certain=False)


def _preference(config_map: ConfigMap) -> tuple[bool, str, str]:
    return config_map.name != "kube-flannel-cfg", config_map.namespace, config_map.name
