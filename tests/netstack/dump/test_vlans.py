"""`bridge -j vlan`."""

from __future__ import annotations

import pytest

from skoop.errors import ParseError
from skoop.netstack.dump.vlans import read_vlans, with_vlans
from skoop.netstack.state import BridgeSettings, Link, Vlan, Vlans

TEXT = (
    '[{"ifname":"cni0","vlans":[{"vlan":1,"flags":["PVID","Egress Untagged"]},'
    '{"vlan":10,"vlanEnd":20}]},{"ifname":"veth1","vlans":[{"vlan":3,"flags":["PVID"]}]}]'
)


def test_what_bridge_prints() -> None:
    assert read_vlans(TEXT, "t") == {
        "cni0": Vlans(True, (Vlan(1, 1, pvid=True, untagged=True), Vlan(10, 20))),
        "veth1": Vlans(True, (Vlan(3, 3, pvid=True),)),
    }


@pytest.mark.parametrize("text", ["x", '[{"ifname":"x","vlans":[{}]}]', '[{"vlans":[]}]'])
def test_what_it_does_not(text: str) -> None:
    with pytest.raises(ParseError):
        read_vlans(text, "t")


def test_ports_of_a_filtering_bridge_carry_what_is_listed() -> None:
    filtering = Link(
        index=1, name="cni0", kind="bridge", bridge=BridgeSettings(vlan_filtering=True)
    )
    listed = Link(index=2, name="veth1", kind="veth", master="cni0")
    bare = Link(index=3, name="veth2", kind="veth", master="cni0")
    other = Link(index=4, name="veth3", kind="veth", master="br1")
    found = with_vlans((filtering, listed, bare, other), read_vlans(TEXT, "t"))
    carried = {each.name: (each.vlans.known, len(each.vlans.carried)) for each in found}
    assert carried == {
        "cni0": (True, 2),
        "veth1": (True, 1),
        "veth2": (True, 0),
        "veth3": (False, 0),
    }
