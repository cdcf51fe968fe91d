"""Random rulesets in the real kernel: each rule's hit counter, and the packet that comes out."""

from __future__ import annotations

import os

import pytest

from skoop.model.address import Family
from skoop.netstack.ipset import read_ipsets
from skoop.netstack.iptables import read_ruleset
from tests.netstack.iptables.kernelrig import rig
from tests.netstack.iptables.rulegen import SETS, Generator
from tests.netstack.iptables.simulated import Router, Simulation

PACKETS = 6
DISAGREED = (13, 21, 116, 133, 458)
"""Seeds that once showed a difference: set searches, POSTROUTING's input device, CT templates."""
SEEDS = int(os.environ.get("SKOOP_IPTABLES_SEEDS", "20"))
FIRST = int(os.environ.get("SKOOP_IPTABLES_FIRST", "1000"))

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root and network namespaces"),
]


@pytest.mark.parametrize("backend", ["legacy", "nft"])
def test_the_same_rules_match_and_the_same_packet_comes_out(backend):
    with rig(backend) as lab:
        host = Router(read_ipsets(lab.load_sets(SETS), "ipset"))
        for seed in (*DISAGREED, *range(FIRST, FIRST + SEEDS)):
            generator = Generator(seed)
            saved = lab.load(generator.ruleset())
            ruleset = read_ruleset(
                saved, engine=f"iptables-{backend}", family=Family.V4, source=f"seed {seed}"
            )
            assert not ruleset.unmodelled
            for _ in range(PACKETS):
                packet, local = generator.packet()
                seen = lab.send(packet, local=local)
                predicted = Simulation(ruleset, host).send(packet, local=local)
                assert predicted.hits == seen.hits, f"seed {seed}: {packet}, local {local}\n{saved}"
                assert predicted.arrived == seen.arrived, f"seed {seed}: {packet}\n{saved}"
