"""flannel's cni-conf.json: which bridge its pods are on."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from skoop.model.kube import Inventory

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


def bridge_name(inventory: Inventory) -> str:
    """The bridge that the configuration names, or the default. "" when pods are not bridged."""
    for config_map in inventory.config_maps:
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
    return DEFAULT_BRIDGE
