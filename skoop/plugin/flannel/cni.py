"""flannel's cni-conf.json: which bridge its pods are on."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from skoop.plugin.base import ClusterView

_KEY = "cni-conf.json"
DEFAULT_BRIDGE = "cni0"
"""The bridge plugin's default, to which flannel delegates."""


class _Delegate(Struct, frozen=True):
    bridge: str = ""
    type: str = "bridge"


class _Plugin(Struct, frozen=True):
    type: str = ""
    delegate: _Delegate = _Delegate()


class _Conf(Struct, frozen=True):
    plugins: tuple[_Plugin, ...] = ()
    type: str = ""
    delegate: _Delegate = _Delegate()


def bridge_name(view: ClusterView) -> str:
    """The bridge that the configuration names, or the default. "" when pods are not bridged: with
    another delegate, or another plugin (canal). Without a ConfigMap (k3s) the nodes tell."""
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
                bridged = plugin.delegate.type == "bridge"
                return (plugin.delegate.bridge or DEFAULT_BRIDGE) if bridged else ""
    links = (link for host in view.hosts.values() for link in host.links)
    seen = any(link.name == DEFAULT_BRIDGE and link.kind == "bridge" for link in links)
    return DEFAULT_BRIDGE if seen else ""
