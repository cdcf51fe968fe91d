"""The packet path graph: the namespaces met, and the packets that went between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from skoop.model.diagnosis import PacketPath, PathLink, PathNode, PathNodeKind
from skoop.model.trace import Hop, Trace

_KINDS = {"node": PathNodeKind.NODE, "pod": PathNodeKind.POD}


def path_of(traces: Iterable[Trace], address_of: Callable[[str], str]) -> PacketPath:
    """One graph for all traces; equal links of several branches appear once. `address_of` gives a
    namespace's address by its id, "" when it has none."""
    nodes: dict[str, PathNode] = {}
    links: dict[PathLink, None] = {}
    for trace in traces:
        for hop in trace.hops:
            if hop.node not in nodes:
                nodes[hop.node] = _node(hop, address_of(hop.node))
        for here, there in zip(trace.hops, trace.hops[1:], strict=False):
            links[_link(trace, here, there)] = None
    return PacketPath(tuple(nodes.values()), tuple(links))


def _node(hop: Hop, ip: str) -> PathNode:
    if hop.title:
        return PathNode(hop.node, PathNodeKind.CLOUD, hop.title, emulated=hop.emulated)
    kind, _, rest = hop.node.partition("/")
    space, slash, name = rest.partition("/")
    if not slash:
        space, name = "", rest
    return PathNode(hop.node, _KINDS.get(kind, PathNodeKind.EXTERNAL), name, space, ip)


def _link(trace: Trace, here: Hop, there: Hop) -> PathLink:
    packet = there.packet_in
    inner = packet.inner
    between_nodes = here.node.startswith("node/") and there.node.startswith("node/")
    medium = "underlay" if between_nodes else "veth"
    if here.title or there.title:
        medium = "cloud"
    if inner is None:
        return PathLink(here.node, there.node, medium, here.oif, there.iif, packet, trace.direction)
    kind = "vxlan" if packet.vni >= 0 else "wireguard" if packet.seal else "ipip"
    return PathLink(
        here.node, there.node, kind, here.oif, there.iif, inner, trace.direction, packet
    )
