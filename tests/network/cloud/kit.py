"""Two nodes in TestCloud, and what may be wrong with the cloud under them.

The nodes are those of tests/diagnose/worlds.py with host-gw: pods keep their addresses between
nodes, so the VPC must route them. k1 (i-1) is in subnet sub-a, k2 (i-2) in sub-b; k2 has an EIP,
k1 leaves by the NAT gateway; lb-1 is the load balancer of Service t/web.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from skoop.diagnose.world import Machine
from skoop.infra.options import ConfigBinder
from skoop.infra.store import Answers
from skoop.model.address import parse_ip, parse_prefix
from skoop.model.diagnosis import Diagnosis
from skoop.model.kube import (
    Condition,
    Ingress,
    Inventory,
    Node,
    NodeAddress,
    Pod,
    Service,
    ServicePort,
    build_inventory,
)
from skoop.model.request import Overrides, Request
from skoop.network.base import Collected, Context, Network
from skoop.network.session import Session
from skoop.provider.base import Provider
from skoop.provider.external import Plugin, load_file
from tests.diagnose.diagnosed import PODS
from tests.diagnose.worlds import Spaces, cluster, world

Document = dict[str, Any]
EXAMPLE = Path(__file__).parents[3] / "examples" / "testcloud" / "testcloud.py"
REGION = "TestCloud/moon-1"

BASE: Document = {
    "regions": [{"id": "moon-1"}, {"id": "moon-2"}],
    "vpcs": [{"id": "vpc-1", "cidrs": ["172.30.0.0/16"]}],
    "subnets": [
        {"id": "sub-a", "vpc": "vpc-1", "zone": "a", "cidrs": ["172.30.0.0/31"], "acl": "acl-a"},
        {"id": "sub-b", "vpc": "vpc-1", "zone": "b", "cidrs": ["172.30.0.2/31"], "acl": "acl-b"},
        {"id": "sub-c", "vpc": "vpc-1", "zone": "a", "cidrs": ["172.30.9.0/24"]},
    ],
    "network_acls": [
        {"id": name, "vpc": "vpc-1", "subnets": [subnet],
         "ingress": [{"id": "all", "action": "accept"}],
         "egress": [{"id": "all", "action": "accept"}]}
        for name, subnet in (("acl-a", "sub-a"), ("acl-b", "sub-b"))
    ],
    "route_tables": [
        {"id": "vtb-1", "vpc": "vpc-1", "main": True, "routes": [
            {"id": "local", "destination": "172.30.0.0/16", "origin": "system",
             "next_hops": [{"kind": "local"}]},
            {"id": "pods-1", "destination": "10.244.1.0/24",
             "next_hops": [{"kind": "instance", "id": "i-1"}]},
            {"id": "pods-2", "destination": "10.244.2.0/24",
             "next_hops": [{"kind": "instance", "id": "i-2"}]},
            {"id": "default", "destination": "0.0.0.0/0",
             "next_hops": [{"kind": "NAT gateway", "id": "ngw-1"}]},
        ]},
    ],
    "security_groups": [
        {"id": "sg-1", "vpc": "vpc-1", "rules": [
            {"id": "nodes", "way": "ingress", "peer": {"kind": "cidr", "cidr": "172.30.0.0/16"}},
            {"id": "pods", "way": "ingress", "peer": {"kind": "cidr", "cidr": "10.244.0.0/16"}},
            {"id": "web", "way": "ingress", "protocol": 6, "ports": "80"},
            {"id": "checks", "way": "ingress",
             "peer": {"kind": "cidr", "cidr": "100.64.0.0/10"}},
        ]},
    ],
    "instances": [
        {"id": "i-1", "vpc": "vpc-1", "subnet": "sub-a"},
        {"id": "i-2", "vpc": "vpc-1", "subnet": "sub-b"},
        {"id": "i-9", "vpc": "vpc-1", "subnet": "sub-c"},
    ],
    "interfaces": [
        {"id": "eni-1", "vpc": "vpc-1", "subnet": "sub-a", "instance": "i-1", "primary": True,
         "addresses": ["172.30.0.1"], "groups": ["sg-1"]},
        {"id": "eni-2", "vpc": "vpc-1", "subnet": "sub-b", "instance": "i-2", "primary": True,
         "addresses": ["172.30.0.2"], "groups": ["sg-1"],
         "publics": [{"private": "172.30.0.2", "public": "47.0.0.2", "eip": "eip-2"}]},
        {"id": "eni-9", "vpc": "vpc-1", "subnet": "sub-c", "instance": "i-9", "primary": True,
         "addresses": ["172.30.9.9"], "groups": ["sg-1"]},
    ],
    "nat_gateways": [
        {"id": "ngw-1", "vpc": "vpc-1", "addresses": ["47.0.0.1"],
         "snat": [
             {"id": "snat-a", "subnet": "sub-a", "addresses": ["47.0.0.1"]},
             {"id": "snat-pods", "cidr": "10.244.0.0/16", "addresses": ["47.0.0.1"]},
         ],
         "dnat": [
             {"id": "dnat-80", "external": "47.0.0.1", "external_ports": "8080", "protocol": 6,
              "internal": "172.30.0.1", "internal_ports": "80"},
         ]},
    ],
    "eips": [
        {"id": "eip-1", "address": "47.0.0.1", "bound_to": "ngw-1"},
        {"id": "eip-2", "address": "47.0.0.2", "bound_to": "eni-2"},
        {"id": "eip-3", "address": "47.0.0.3"},
    ],
    "load_balancers": [
        {"id": "lb-1", "vpc": "vpc-1", "flavour": "plain", "addresses": ["47.0.0.9"],
         "sources": ["100.64.0.0/10"], "listeners": [
             {"id": "http", "protocol": 6, "ports": "80", "group": "rsp-1",
              "check": {"enabled": True}},
         ]},
        {"id": "lb-2", "vpc": "vpc-1", "internal": True, "addresses": ["172.30.9.80"],
         "listeners": [{"id": "http", "protocol": 6, "ports": "80", "group": "rsp-1"}]},
    ],
    "server_groups": [
        {"id": "rsp-1", "vpc": "vpc-1", "backends": [
            {"id": "i-1", "port": 80, "health": "healthy", "zone": "a"},
            {"id": "i-2", "port": 80, "health": "healthy", "zone": "b"},
        ]},
    ],
}  # fmt: skip


def found(document: Document, section: str, id_: str) -> Document:
    """One resource of a document."""
    return next(each for each in document[section] if each["id"] == id_)


def part(document: Document, section: str, id_: str, parts: str, part_id: str) -> Document:
    """A rule, route, entry, listener or backend of a resource."""
    return next(each for each in found(document, section, id_)[parts] if each["id"] == part_id)


Change = Callable[[Document], None]


def changed(*changes: Change) -> Document:
    """The base with changes made to it."""
    made = copy.deepcopy(BASE)
    for each in changes:
        each(made)
    return made


def with_fields(section: str, id_: str, **fields: Any) -> Change:
    """A resource's fields replaced."""
    return lambda document: found(document, section, id_).update(copy.deepcopy(fields))


def with_part(section: str, id_: str, parts: str, part_id: str, **fields: Any) -> Change:
    """A part's fields replaced."""
    return lambda document: part(document, section, id_, parts, part_id).update(fields)


def without(section: str, id_: str) -> Change:
    """A resource left out."""

    def apply(document: Document) -> None:
        document[section].remove(found(document, section, id_))

    return apply


def without_part(section: str, id_: str, parts: str, *part_ids: str) -> Change:
    """Parts of a resource left out."""

    def apply(document: Document) -> None:
        for each in part_ids:
            found(document, section, id_)[parts].remove(
                part(document, section, id_, parts, each)
            )  # fmt: skip

    return apply


def plus(section: str, **fields: Any) -> Change:
    """One more resource."""
    return lambda document: document.setdefault(section, []).append(copy.deepcopy(fields))


def plus_part(section: str, id_: str, parts: str, *, at: int = 0, **fields: Any) -> Change:
    """One more part of a resource, at a place."""
    return lambda document: (
        found(document, section, id_).setdefault(parts, []).insert(at, copy.deepcopy(fields))
    )


def inventory(*services: Service, ready: bool = True) -> Inventory:
    """What the API says of the cluster."""
    well = (Condition("Ready", "True"),)
    return build_inventory(
        nodes=[
            Node(
                name=f"k{n}",
                addresses=(NodeAddress("InternalIP", parse_ip(f"172.30.0.{n}")),),
                pod_cidrs=(parse_prefix(f"10.244.{n}.0/24"),),
                provider_id=f"testcloud://i-{n}",
                ready=ready,
                conditions=well,
            )
            for n in (1, 2)
        ],
        pods=[
            Pod(
                namespace="t", name=name, node=f"k{node}", phase="Running", conditions=well,
                ips=(parse_ip(f"10.244.{node}.{host}"),),
            )
            for name, (node, host) in PODS.items()
        ],
        services=services or [WEB],
    )  # fmt: skip


WEB = Service(
    namespace="t", name="web", type="LoadBalancer", cluster_ips=(parse_ip("10.96.0.10"),),
    ingress=(Ingress(parse_ip("47.0.0.9")),),
    ports=(ServicePort(port=80, target_port=80, node_port=80),),
)  # fmt: skip


@functools.cache
def provider() -> Provider:
    """TestCloud, loaded as users load it."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "testcloud.py"
    data = EXAMPLE.read_bytes()
    path.write_bytes(data)
    path.chmod(0o600)
    loaded = load_file(Plugin(str(path), hashlib.sha256(data).hexdigest()), "testcloud")
    path.unlink()
    folder.rmdir()
    assert loaded is not None
    return loaded


def network(
    context: Context, document: Document, folder: Path, *, live: bool = True, token: str = ""
) -> Network:
    """The provider's network over a document."""
    path = folder / "cloud.yaml"
    path.write_text(json.dumps(document))  # JSON is YAML, and read faster
    one = provider()
    flags = {"file": str(path), "token": token}
    settings = ConfigBinder(one.name, one.options, one.one_of).bind(flags, {})
    return one.create_network(replace(context, settings=settings, live=live))


def session(
    document: Document, folder: Path, *, spaces: Spaces | None = None,
    objects: Inventory | None = None, answers: Answers | None = None, token: str = "",
) -> Session:  # fmt: skip
    """The cluster, collected, over a cloud. With `answers` nothing is asked."""
    spaces = spaces or cluster("host-gw")
    machines = {
        f"k{n}": Machine(
            f"k{n}",
            spaces[f"node/k{n}"],
            tuple(s for s in spaces.values() if s.id.startswith(f"pod/t/{letter}")),
        )
        for n, letter in ((1, "a"), (2, "b"))
    }
    collected = Collected(objects or inventory(), machines, world(spaces), ())

    def create(context: Context) -> Network:
        if answers is not None:
            context = replace(context, answers=answers)
        return network(context, document, folder, live=answers is None, token=token)

    return Session(collected, create)


def ask(
    folder: Path, document: Document, source: str, target: str, port: int | None = 80, **rest: Any
) -> Diagnosis:
    """A question between pods ("a1"), nodes ("k1"), the Service "web" and addresses."""
    ends = [_end(end) for end in (source, target)]
    given = {key: rest.pop(key) for key in ("spaces", "objects", "answers", "token") if key in rest}
    request = Request(
        src=ends[0], dst=ends[1], port=port, overrides=Overrides(network_plugin="kindnet"), **rest
    )
    return session(document, folder, **given).diagnose(request)


def _end(end: str) -> str:
    if end in ("k1", "k2"):
        return f"node/{end}"
    return f"pod/t/{end}" if end in PODS else end


def first(diagnosis: Diagnosis) -> tuple[str, str]:
    """The name and place of the first suspicion, "" without one."""
    if not diagnosis.suspicions:
        return "", ""
    return diagnosis.suspicions[0].name, diagnosis.suspicions[0].where.name
