"""Namespaces with one thing changed."""

from __future__ import annotations

import pytest

from skoop.diagnose import repairs
from tests.diagnose.worlds import ask, change, cluster, result, with_rules
from tests.netstack.builders import iptables

DROP, KEEP = "-A FORWARD -p tcp -j DROP", "-A FORWARD -p udp -j DROP"


def test_without_rule_removes_just_that_rule() -> None:
    spaces = change(cluster(), "node/k1", with_rules(iptables(DROP, KEEP)))
    where = "iptables-legacy filter FORWARD"
    mended = repairs.without_rule(spaces["node/k1"], where, DROP)
    assert mended is not None
    spaces = {**spaces, "node/k1": mended}
    assert result(ask(spaces, "a1", "10.244.2.2:80")) == "ok"
    assert result(ask(spaces, "a1", "10.244.2.2:53", proto="udp")) == "timeout"


NOT_THERE = {
    "another engine": ("iptables-nft filter FORWARD", DROP),
    "another table": ("iptables-legacy mangle FORWARD", DROP),
    "another rule": ("iptables-legacy filter FORWARD", "-A FORWARD -j REJECT"),
    "nft": ("nft inet fw f", "tcp dport 80 drop"),
}


@pytest.mark.parametrize(("where", "rule"), NOT_THERE.values(), ids=NOT_THERE.keys())
def test_a_rule_that_is_not_there_cannot_be_removed(where: str, rule: str) -> None:
    spaces = change(cluster(), "node/k1", with_rules(iptables(DROP)))
    assert repairs.without_rule(spaces["node/k1"], where, rule) is None
