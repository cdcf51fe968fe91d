"""A node that was switched to nftables mode and still has rules of iptables mode."""

from __future__ import annotations

import json

from msgspec.structs import replace

from skoop.model.request import Request
from skoop.network.session import Session
from skoop.snapshot import Snapshot
from tests.scenarios import corpus

CLEAN = "stale-vip-on-lo"
ASKED = Request(src="default/cli", dst="svc/shop/web", port=80)


def with_old_rule(snapshot: Snapshot) -> Snapshot:
    services = json.loads(snapshot.cluster["services"])["items"]
    web = next(s for s in services if s["metadata"]["name"] == "web")["spec"]["clusterIP"]
    old = (
        "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n:KUBE-SVC-OLD - [0:0]\n"
        "-A PREROUTING -j KUBE-SERVICES\n"
        f"-A KUBE-SERVICES -d {web}/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-OLD\n"
        "-A KUBE-SVC-OLD -p tcp -j DNAT --to-destination 10.244.9.9:8080\nCOMMIT\n"
    )
    nodes = {}
    for name, document in snapshot.nodes.items():
        host, *pods = document.namespaces
        dump = host.outputs["iptables-legacy-save"]
        changed = {**host.outputs, "iptables-legacy-save": replace(dump, stdout=old)}
        nodes[name] = replace(document, namespaces=(replace(host, outputs=changed), *pods))
    return replace(snapshot, nodes=nodes)


def test_what_is_left_over_is_named_with_the_rule() -> None:
    found = Session.open(with_old_rule(corpus.snapshot(CLEAN))).diagnose(ASKED)
    (told,) = [each for each in found.suspicions if each.name == "proxy-rules-stale"]
    assert "iptables mode" in told.message
    assert "KUBE-SVC-OLD" in told.evidence[0].text


def test_a_clean_node_has_none() -> None:
    found = corpus.session(CLEAN).diagnose(ASKED)
    assert "proxy-rules-stale" not in {each.name for each in found.suspicions}
