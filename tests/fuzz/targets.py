"""What is fuzzed: every reader of something that came from outside, and real inputs to start from.

A reader gives a value or refuses with an error of skoop's own; anything else that it raises is a
finding of the fuzzer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from skoop.cluster.decode import nodes, pods, policies, services, workloads
from skoop.cluster.detect.flannel import parse_net_conf
from skoop.cluster.detect.kubeproxy import parse_configuration
from skoop.collector.document import parse_agent_output
from skoop.model.address import Family
from skoop.model.packet import Proto
from skoop.netstack.dump.addresses import read_addresses
from skoop.netstack.dump.conntracktext import read_conntrack
from skoop.netstack.dump.fdb import read_fdb
from skoop.netstack.dump.links import read_links
from skoop.netstack.dump.neighbours import read_neighbours
from skoop.netstack.dump.nexthops import read_nexthops
from skoop.netstack.dump.ports import read_ports
from skoop.netstack.dump.procsockets import read_proc_sockets
from skoop.netstack.dump.qdiscs import read_filters, read_qdiscs
from skoop.netstack.dump.routes import read_cached, read_routes
from skoop.netstack.dump.rules import read_rules
from skoop.netstack.dump.sockets import read_sockets
from skoop.netstack.dump.sysctls import read_sysctls
from skoop.netstack.dump.vlans import read_vlans
from skoop.netstack.ipset.parse import read_ipsets
from skoop.netstack.iptables import read_ruleset
from skoop.netstack.nft.reader import read_ruleset as read_nft_json
from skoop.netstack.nft.reader import read_text as read_nft_text
from skoop.snapshot.document import decode_document
from skoop.snapshot.manifest import decode_manifest
from tests.lab import recorded

Reader = Callable[[bytes], object]
_SOURCE = "fuzz"


def _text(read: Callable[..., object], *between: object, **named: object) -> Reader:
    """A reader of text as a reader of bytes, as the collector decodes them."""
    return lambda data: read(data.decode("utf-8", "replace"), *between, **named)


_sourced = partial(_text, source=_SOURCE)
_uncovered = partial(_sourced, covered=frozenset[tuple[str, str]]())

READERS: dict[str, Reader] = {
    "links": _sourced(read_links),
    "addresses": _sourced(read_addresses),
    "routes": _sourced(read_routes, Family.V4),
    "learnt-mtus": _sourced(read_cached, Family.V6),
    "rules": _sourced(read_rules, Family.V4),
    "neighbours": _sourced(read_neighbours),
    "fdb": _sourced(read_fdb),
    "ports": _sourced(read_ports),
    "nexthops": _sourced(read_nexthops),
    "qdiscs": _sourced(read_qdiscs),
    "filters": _sourced(read_filters),
    "vlans": _sourced(read_vlans),
    "sockets": _sourced(read_sockets),
    "proc-sockets": _sourced(read_proc_sockets, Proto.TCP),
    "conntrack": _sourced(read_conntrack),
    "sysctls": _sourced(read_sysctls),
    "iptables": _sourced(read_ruleset, engine="iptables-nft", family=Family.V4),
    "ip6tables": _sourced(read_ruleset, engine="iptables-nft", family=Family.V6),
    "ipsets": _sourced(read_ipsets),
    "nft-json": _uncovered(read_nft_json),
    "nft-text": _uncovered(read_nft_text),
    "agent": lambda data: parse_agent_output(data, "k1", _SOURCE),
    "document": lambda data: decode_document(data, _SOURCE),
    "manifest": lambda data: decode_manifest(data, _SOURCE),
    "pods": pods.decode_pods,
    "nodes": nodes.decode_nodes,
    "services": services.decode_services,
    "endpoint-slices": services.decode_endpoint_slices,
    "policies": policies.decode_network_policies,
    "daemon-sets": workloads.decode_daemon_sets,
    "config-maps": workloads.decode_config_maps,
    "flannel": _text(parse_net_conf),
    "kube-proxy": _text(parse_configuration),
}

REFUSALS: dict[str, tuple[type[Exception], ...]] = {
    "flannel": (ValueError,),
    "kube-proxy": (ValueError,),
}
"""What a reader whose caller knows the source raises besides."""


def examples() -> Iterator[bytes]:
    """Real inputs of all readers: the parts of one recorded round."""
    with TemporaryDirectory(prefix="skoop-fuzz-") as name:
        home = Path(name)
        recorded.load(min(recorded.FOLDER.glob("*.tar.gz")), home)
        for path in sorted((home / "snapshot").rglob("*.json")):
            data = path.read_bytes()
            yield data
            if path.parent.name == "nodes":
                yield from _outputs(data)


def _outputs(document: bytes) -> Iterator[bytes]:
    for namespace in msgspec.json.decode(document)["namespaces"]:
        for output in namespace["outputs"].values():
            yield output.get("stdout", "").encode()
