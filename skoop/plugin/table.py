"""Which plugin serves which CNI. A CNI not listed here is walked as plain Linux."""

from __future__ import annotations

from skoop.cluster.detect.facts import BY_USER, Cni, Fact
from skoop.model.diagnosis import NotChecked
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


def fallback(found: Fact[Cni]) -> tuple[NotChecked, ...]:
    """What has to be said of a CNI that is walked as plain Linux for want of a plugin; nothing
    when the user chose it."""
    cni = found.value
    if cni in _PLUGINS or found.source == BY_USER:
        return ()
    name = "which one runs was not found out" if cni is Cni.UNKNOWN else f"{cni.value} has none"
    why = f"{name}: nodes are walked as they are, without what a plugin would expect of them"
    return (NotChecked("the network plugin's own expectations", why),)
