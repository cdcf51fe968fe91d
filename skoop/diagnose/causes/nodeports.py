"""Rules that stop a packet for a NodePort before kube-proxy has translated it, on its node or on
the client's, or because of the port it was addressed to."""

from __future__ import annotations

import re

from skoop.diagnose.causes.base import Setting
from skoop.diagnose.story import Leg
from skoop.findings import service
from skoop.model.diagnosis import Suspicion
from skoop.model.kube import Service
from skoop.model.packet import protocol_name
from skoop.model.trace import Evidence

_BY_PORT = re.compile(r"\bd(?:st-)?ports?\b")
_ASKED_PORT = re.compile(r"--ctorigdstport (\d+)\b|ct original proto-dst (\d+)\b")


def node_port(setting: Setting, fix: str) -> Suspicion | None:
    """The suspicion when the rule that stopped the packet is about a NodePort, None when it is not.

    A rule that stops other packets as well is told by its own name.
    """
    stop = setting.blocker.stop
    if stop.where.rpartition(" ")[2].startswith("KUBE-") or "kube-proxy" in stop.where:
        return None
    number = _port(setting)
    owner = _owner(setting, number)
    if owner is None:
        return None
    name = f"{owner.namespace}/{owner.name}"
    rule = stop.rule or stop.detail
    message = f"{setting.place} stops packets for NodePort {number} of Service {name}: {rule}"
    shown = (Evidence(f"Service {name}", f"nodePort: {number}"),)
    return setting.suspect(service.NodeportBlocked, message, fix=fix, evidence=shown)


def _port(setting: Setting) -> int:
    """The port on the node that the rule is about, 0 when it is about something else."""
    blocker, stop = setting.blocker, setting.blocker.stop
    packet = blocker.packet
    if blocker.leg not in (Leg.FIRST, Leg.DATA) or setting.in_pod or packet.inner is not None:
        return 0
    asked = _ASKED_PORT.search(stop.rule)
    if asked is not None:
        return int(asked[1] or asked[2])
    by_policy = stop.detail.startswith("policy ")
    own = setting.stack.is_local(packet.family, packet.dst)
    hosts = setting.cluster.world.hosts.values()
    to_node = own or any(host.is_local(packet.family, packet.dst) for host in hosts)
    about = to_node and _BY_PORT.search(stop.rule) is not None
    return packet.dport if about or (own and by_policy) else 0


def _owner(setting: Setting, number: int) -> Service | None:
    """The Service with this NodePort, for the packet's protocol."""
    protocol = protocol_name(setting.blocker.packet.proto).upper()
    for owner in setting.cluster.inventory.services if number else ():
        if any((each.node_port, each.protocol) == (number, protocol) for each in owner.ports):
            return owner
    return None
