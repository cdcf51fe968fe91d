"""flannel's cni-conf.json: which bridge its pods are on."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from skoop.plugin.base import ClusterView
from skoop.plugin.site import NO_CONF, BridgeConf

_KEY = "cni-conf.json"
DEFAULT_BRIDGE = "cni0"
"""The bridge plugin's default, to which flannel delegates."""


class _Delegate(Struct, frozen=True, rename="camel"):
    bridge: str = ""
    type: str = "bridge"
    hairpin_mode: bool = False
    port_isolation: bool = False


class _Plugin(Struct, frozen=True):
    type: str = ""
    delegate: _Delegate = _Delegate()


class _Conf(Struct, frozen=True):
    plugins: tuple[_Plugin, ...] = ()
    type: str = ""
    delegate: _Delegate = _Delegate()


def bridge_conf(view: ClusterView) -> BridgeConf:
    """The bridge that the configuration asks for. None when pods are not bridged: with another
    delegate, or another plugin (canal). Without a ConfigMap (k3s) the nodes tell."""
    for config_map in view.inventory.config_maps:
        text = config_map.data.get(_KEY, "")
        if not text:
            continue
        try:
            conf = msgspec.json.decode(text, type=_Conf)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            continue
        for plugin in (*conf.plugins, _Plugin(conf.type, conf.delegate)):
            if plugin.type == "flannel":
                return _conf(plugin.delegate)
    links = (link for host in view.hosts.values() for link in host.links)
    seen = any(link.name == DEFAULT_BRIDGE and link.kind == "bridge" for link in links)
    return BridgeConf(DEFAULT_BRIDGE) if seen else NO_CONF


def _conf(delegate: _Delegate) -> BridgeConf:
    if delegate.type != "bridge":
        return NO_CONF
    name = delegate.bridge or DEFAULT_BRIDGE
    return BridgeConf(name, delegate.hairpin_mode, delegate.port_isolation)
