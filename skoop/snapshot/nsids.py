"""Which namespace a veth's other end lies in, worked out from both ends.

`ip link` tells the other end's ifindex and an id of its namespace (net/core/net_namespace.c,
peernet2id) that only has a meaning in the namespace asked. Two ends that name each other's ifindex
belong together; where a host interface would have two partners, none is taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from skoop.errors import ParseError
from skoop.netstack.dump.links import read_links
from skoop.netstack.state import Link
from skoop.snapshot.document import NamespaceDump, NamespaceKind

_COMMANDS = ("ip -j -d link", "ip -j -d link show")


def with_nsids(dumps: tuple[NamespaceDump, ...]) -> tuple[NamespaceDump, ...]:
    """The dumps of one node, `nsids` completed where the veth pairs tell."""
    hosts = [dump for dump in dumps if dump.kind is NamespaceKind.HOST]
    pods = [dump for dump in dumps if dump.kind is NamespaceKind.POD and dump.inode]
    if len(hosts) != 1:
        return dumps
    host = hosts[0]
    host_links = {link.index: link for link in _veths(host)}
    partners: dict[int, list[tuple[NamespaceDump, Link]]] = defaultdict(list)
    for pod in pods:
        for link in _veths(pod):
            other = host_links.get(link.peer_index)
            if other is not None and other.peer_index == link.index:
                partners[other.index].append((pod, link))
    found: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for index, matches in partners.items():
        if len({pod.inode for pod, _ in matches}) == 1:
            pod, link = matches[0]
            found[host.inode][host_links[index].peer_nsid].add(pod.inode)
            if host.inode:
                found[pod.inode][link.peer_nsid].add(host.inode)
    return tuple(_completed(dump, found[dump.inode]) for dump in dumps)


def _veths(dump: NamespaceDump) -> tuple[Link, ...]:
    for command in _COMMANDS:
        output = dump.outputs.get(command)
        if output is not None and output.rc == 0:
            try:
                links = read_links(output.stdout, command)
            except ParseError:
                return ()
            return tuple(link for link in links if link.kind == "veth" and link.peer_nsid >= 0)
    return ()


def _completed(dump: NamespaceDump, found: Mapping[int, set[int]]) -> NamespaceDump:
    """An id that would mean two namespaces is left out."""
    known = dict(dump.nsids)
    for nsid, inodes in sorted(found.items()):
        if len(inodes) == 1:
            known.setdefault(nsid, next(iter(inodes)))
    return msgspec.structs.replace(dump, nsids=tuple(sorted(known.items())))
