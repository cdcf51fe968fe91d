from __future__ import annotations

import pytest

from skoop.netstack.dump import Output
from skoop.netstack.dump.commands import by_canonical_name, canonical


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ip -j addr", "ip -j addr"),
        ("ip -d -j address show", "ip -j addr"),
        ("ip -details -json link", "ip -j -d link"),
        ("ip -j -d link show", "ip -j -d link"),
        ("ip -s -j link", "ip -j -s link"),
        ("ip -4 -j route show table all", "ip -j -4 route show table all"),
        ("ip -j -4 rule list", "ip -j rule"),
        ("ip -6 -j rule", "ip -j -6 rule"),
        ("ip -j neighbour show", "ip -j neigh"),
        ("ip -j -d neigh show nud all", "ip -j neigh show nud all"),
        ("bridge -j fdb show", "bridge -j fdb"),
        ("bridge -j -d link", "bridge -j -d link"),
        ("iptables-save", "iptables-save"),
        ("ip", "ip"),
    ],
)
def test_spellings(typed: str, name: str) -> None:
    assert canonical(typed) == name


def test_of_two_spellings_the_one_that_worked_counts() -> None:
    outputs = {"ip -j addr": Output(rc=1), "ip -j -d addr": Output("[]"), "ip -j a": Output("x")}
    assert by_canonical_name(outputs) == {"ip -j addr": Output("[]")}
