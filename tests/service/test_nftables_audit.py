"""kube-proxy's table of a real cluster, whole and with something broken in it."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from skoop.cluster.detect import detect
from skoop.cluster.inventory import from_documents
from skoop.model.address import Family
from skoop.model.kube import Inventory
from skoop.service import ProxyConfig
from skoop.service.difference import Difference, DifferenceKind
from skoop.service.nftables import audit, compile_rules
from skoop.service.plan import plan_node

ARCHIVE = Path(__file__).parent.parent / "data" / "corpus" / "fdb-wrong-remote.tar.gz"
FORMS = {"json": "nft_-j_list_ruleset", "text": "nft_list_ruleset"}


class Cluster(Struct, frozen=True):
    inventory: Inventory
    config: ProxyConfig
    tables: dict[tuple[str, str], str]

    def __repr__(self) -> str:
        return "Cluster(fdb-wrong-remote)"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    with tarfile.open(ARCHIVE) as archive:
        texts = {
            member.name.partition("/")[2]: file.read()
            for member in archive
            if "/cluster/" in member.name or member.name.endswith(tuple(FORMS.values()))
            if (file := archive.extractfile(member))
        }
    inventory = from_documents(
        {Path(name).stem: text for name, text in texts.items() if name.startswith("cluster/")}
    )
    tables = {
        (node.name, form): texts[f"nodes/{node.name}/host/{name}"].decode()
        for node in inventory.nodes
        for form, name in FORMS.items()
    }
    return Cluster(inventory, detect(inventory, {}).proxy.value, tables)


def differences(cluster: Cluster, text: str, node: str = "k1") -> tuple[Difference, ...]:
    plans = plan_node(cluster.inventory, node=node, family=Family.V4, config=cluster.config)
    assert len(plans) > 40
    return audit(plans, compile_rules(text, Family.V4, f"nft on {node}"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("node", ["k1", "k2", "k3"])
def test_a_healthy_table_has_no_differences(cluster: Cluster, node: str, form: str) -> None:
    assert differences(cluster, cluster.tables[node, form], node) == ()


@pytest.mark.parametrize("form", FORMS)
def test_protocols_may_be_numbers(cluster: Cluster, form: str) -> None:
    """As nft prints them in an image without /etc/protocols."""
    text = cluster.tables["k1", form]
    for name, number in (("tcp", 6), ("udp", 17)):
        text = re.sub(rf'"{name}"', str(number), text)
        text = re.sub(rf"(l4proto| \.) {name} ", rf"\1 {number} ", text)
        text = re.sub(rf"(\s){name} \. ", rf"\g<1>{number} . ", text)
    assert text.count("6") > 100 + cluster.tables["k1", form].count("6")
    assert differences(cluster, text) == ()


K = DifferenceKind
FAULTS: dict[str, tuple[str, str, DifferenceKind, str]] = {
    "element of service-ips": (
        r"10\.96\.59\.40 \. tcp \. 80 : goto [^,]*,", "", K.ENTRY_MISSING, "shop/web:http",
    ),
    "element leads elsewhere": (
        r"(10\.96\.59\.40 \. tcp \. 80 : goto )[^,]*", r"\1reject-chain", K.WRONG_CHAIN,
        "shop/web:http",
    ),
    "element of service-nodeports": (
        r"tcp \. 30080 : goto [^,]*,", "", K.NODE_PORT_MISSING, "shop/web-np:http",
    ),
    "element of no-endpoint-services": (
        r"10\.96\.9\.45 \. tcp \. 80 comment [^,]*: goto reject-chain,", "", K.REJECT_MISSING,
        "shop/nosel:http",
    ),
    "refused although there are endpoints": (
        r"(map no-endpoint-services \{[^}]*elements = \{)",
        r"\1 10.96.59.40 . tcp . 80 : goto reject-chain,", K.REJECT_STALE, "shop/web:http",
    ),
    "element of firewall-ips": (
        r"172\.30\.9\.9 \. tcp \. 80 : goto firewall-[^ ]* ", "", K.SOURCE_RANGE_WRONG,
        "shop/web-lb:http",
    ),
    "source range": (r"172\.30\.0\.250 \} drop", "172.30.0.251 } drop", K.SOURCE_RANGE_WRONG,
                     "shop/web-lb:http"),
    "ClusterIP unlisted": (r"10\.96\.59\.40,", "", K.CLUSTER_IP_UNLISTED, "shop/web:http"),
    "hairpin": (
        r"10\.244\.1\.2 \. 10\.244\.1\.2 \. tcp \. 8080,", "", K.HAIRPIN_ENTRY_MISSING,
        "shop/web:http",
    ),
    "endpoint gone": (
        r"(chain service-KHN6ECMT-shop/web/tcp/http \{\s*.*mod) 3 map \{ 0 : 10.244.1.2 . 8080, "
        r"1 : (10.244.2.5 . 8080), 2 : (10.244.3.5 . 8080)", r"\1 2 map { 0 : \2, 1 : \3",
        K.ENDPOINT_MISSING, "shop/web:http",
    ),
    "endpoint stale": (
        r"(chain service-KHN6ECMT-shop/web/tcp/http \{\s*.*\{ 0 : )10.244.1.2 . 8080",
        r"\g<1>10.244.1.99 . 8080", K.ENDPOINT_STALE, "shop/web:http",
    ),
    "wrong port": (
        r"(chain service-KHN6ECMT-shop/web/tcp/http \{\s*.*\{ 0 : 10.244.1.2 . )8080",
        r"\g<1>8081", K.ENDPOINT_STALE, "shop/web:http",
    ),
    "shares": (
        r"(chain service-KHN6ECMT-shop/web/tcp/http \{\s*.*mod) 3", r"\1 4", K.SHARE_WRONG,
        "shop/web:http",
    ),
    "chain of an endpoint": (
        r"(chain endpoint-2KZEYEME-\S+ \{)[^}]*\{[^}]*\}[^}]*\}", r"\1 \n}", K.SEP_MISSING,
        "shop/web-sticky:http",
    ),
    "chain of an endpoint leads elsewhere": (
        r"dnat to 10\.244\.1\.2:8080", "dnat to 10.244.1.99:8080", K.WRONG_DNAT,
        "shop/web-sticky:http",
    ),
    "affinity": (
        r"ip saddr @affinity-2KZEYEME\S+ goto \S+", "", K.AFFINITY_BROKEN, "shop/web-sticky:http",
    ),
    "mark of outside traffic": (
        r'(chain external-2TLE77DG\S+ \{\s*)meta mark set [^"]*"masquerade"', r"\1",
        K.MARK_MASQ_MISSING, "shop/web-np:http",
    ),
    "short circuit": (
        r'(chain external-UOAKD4MC\S+ \{\s*)ip saddr [^"]*"short-circuit pod traffic"', r"\1",
        K.SHORT_CIRCUIT_MISSING, "billing/dnsd-npl:dns",
    ),
    "foreign rule in a Service's chain": (
        r"(chain service-KHN6ECMT-shop/web/tcp/http \{)", r"\1\nip saddr 10.244.1.7 drop",
        K.RULE_FOREIGN, "shop/web:http",
    ),
    "order": (
        r'(chain external-2TLE77DG\S+ \{\s*)(meta mark set [^"]*"masquerade")\s*(goto \S+)',
        r"\1\3\n\2", K.RULE_ORDER, "shop/web-np:http",
    ),
    "masquerading": (r"chain masquerading \{[^}]*\}", "chain masquerading {\n}",
                     K.MASQUERADE_MISSING, ""),
    "mark that nobody masquerades": (
        r"meta mark & 0x00004000 != 0x00000000 meta mark set meta mark \^ 0x00004000",
        "meta mark & 0x00008000 != 0x00000000 meta mark set meta mark ^ 0x00008000",
        K.MARK_MASQ_MISSING, "",
    ),
    "unconditional masquerading": (
        r"meta mark & 0x00004000 != 0x00000000 meta mark set meta mark \^ 0x00004000 masq", "masq",
        K.MASQUERADE_TOO_MUCH, "",
    ),
    "hook": (r"(chain nat-prerouting \{[^}]*)jump services", r"\1", K.HOOK_MISSING, ""),
    "lookup": (r"ip daddr [^@\n]*@service-ips", "", K.HOOK_MISSING, ""),
    "all of it": (r"(?s).*", "", K.NO_RULES, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_shown(cluster: Cluster, name: str) -> None:
    pattern, instead, kind, service = FAULTS[name]
    text, count = re.subn(pattern, instead, cluster.tables["k1", "text"], count=1)
    assert count == 1
    found = [each for each in differences(cluster, text) if each.kind is kind]
    assert found
    assert service in {each.service for each in found}
    assert all(each.evidence and each.message for each in found)


def test_the_old_form_with_a_chain_for_every_endpoint() -> None:
    """Written by hand after kube-proxy up to 1.35 (its own test TestTracePacketV6)."""
    from tests.service.old_form import PLANS, TABLE

    assert audit(PLANS, compile_rules(TABLE, Family.V6, "nft")) == ()
    hairpin = re.sub(r"ip6 saddr fd00:10:180::1 [^\n]*", "", TABLE)
    kinds: list[Any] = [
        each.kind for each in audit(PLANS, compile_rules(hairpin, Family.V6, "nft"))
    ]
    assert kinds == [K.HAIRPIN_MASQ_MISSING]
    gone = TABLE.replace("mod 2 vmap { 0 : goto endpoint-ZVRFLKHO-ns1/svc1/tcp/p80__fd00.10.180..1"
                         "/80, 1", "mod 1 vmap { 0")  # fmt: skip
    found = audit(PLANS, compile_rules(gone, Family.V6, "nft"))
    assert [(each.kind, each.endpoint) for each in found] == [
        (K.ENDPOINT_MISSING, "[fd00:10:180::1]:80")
    ]
