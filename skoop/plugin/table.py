"""Which plugin serves which CNI. A CNI not listed here is walked as plain Linux."""

from __future__ import annotations

from skoop.cluster.detect.facts import Cni
from skoop.plugin.base import Plugin
from skoop.plugin.calico import CalicoPlugin
from skoop.plugin.canal import CanalPlugin
from skoop.plugin.flannel import FlannelPlugin
from skoop.plugin.linux import LinuxPlugin
from skoop.plugin.terway import TerwayPlugin

_PLUGINS: dict[Cni, type[Plugin]] = {
    Cni.FLANNEL: FlannelPlugin,
    Cni.CANAL: CanalPlugin,
    Cni.CALICO: CalicoPlugin,
    Cni.TERWAY: TerwayPlugin,
}


def plugin_for(cni: Cni) -> Plugin:
    """The plugin of a CNI, or the one for plain Linux."""
    return _PLUGINS.get(cni, LinuxPlugin)()
