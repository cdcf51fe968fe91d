"""Random rulesets against the real kernel: which rules matched, the verdict, the translation."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from skoop.model.packet import Packet
from skoop.netstack.netfilter import Ruleset
from skoop.netstack.nft import chain, read_ruleset, read_text
from tests.netstack.nft.driver import Fate, TestHost, first_packet, walk
from tests.netstack.nft.rig import Rig, Seen, rig
from tests.netstack.nft.rulegen import CLIENT, ROUTER_C, ROUTER_S, Generator, Probe

PROBES = 5
HOST = TestHost(
    (ROUTER_C, ROUTER_S),
    routes=(("10.77.1.0/24", "rc"), ("10.77.2.0/24", "rs"), ("10.77.9.0/24", "rs")),
    iif="rc",
)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root and network namespaces"),
]


@contextmanager
def every_trail() -> Iterator[None]:
    """Worlds that differ in the rules they met are merged when they end alike; here the rules met
    are what is compared."""
    plain = chain._world_key, chain._outcome_key
    chain._world_key, chain._outcome_key = (
        lambda one, key=key: (key(one), one.fired) for key in plain
    )
    try:
        yield
    finally:
        chain._world_key, chain._outcome_key = plain


@pytest.fixture(scope="module")
def lab():
    with rig() as made:
        yield made


def _packet(probe: Probe, source: str) -> Packet:
    packet = first_packet("udp", source, probe.address, probe.port, sport=probe.sport)
    return Packet(
        **{name: getattr(packet, name) for name in packet.__struct_fields__ if name != "size"},
        size=28 + probe.payload,
    )


def _as_seen(fate: Fate, counted: frozenset[int], sent: Packet) -> Seen:
    rules = {
        int(found[1])
        for effect in fate.effects
        if (found := re.search(r'comment "r(\d+)"', effect))
    }
    to, source = ("", 0), ""
    if fate.result in ("local", "forwarded"):
        to = (fate.packet.destination, fate.packet.dport)
        source = ROUTER_S if fate.masqueraded else sent.source
    return Seen(fate.result, to, source, frozenset(rules) & counted, counted)


def _from_text(lab: Rig, seed: int) -> Ruleset:
    ruleset = read_text(lab.listing(), covered=frozenset(), source=f"seed {seed}")
    assert ruleset.unmodelled == ()
    return ruleset


def _ends(fates: list[Fate]) -> set[tuple]:
    return {(fate.result, fate.packet, fate.ct, round(fate.weight, 6)) for fate in fates}


def check(lab: Rig, seed: int, *, local: bool = False) -> None:
    generator = Generator(seed, local=local)
    text = lab.load(generator.ruleset())
    for _ in range(PROBES):
        probe = generator.probe()
        ruleset = read_ruleset(lab.listing("-j"), covered=frozenset(), source=f"seed {seed}")
        assert ruleset.unmodelled == ()
        packet = _packet(probe, ROUTER_S if local else CLIENT)
        with every_trail():
            fates = walk(ruleset, HOST, packet, local=local)
            from_text = walk(_from_text(lab, seed), HOST, packet, local=local)
        assert _ends(from_text) == _ends(fates), f"seed {seed}: {probe}\n{text}"
        seen = lab.send(probe, local=local)
        predicted = {_as_seen(fate, seen.counted, packet) for fate in fates}
        assert seen in predicted, f"seed {seed}: {probe}\n{seen}\n{predicted}\n{text}"
        assert not any(fate.guesses for fate in fates), f"seed {seed}: {fates}\n{text}"


@pytest.mark.parametrize("seed", range(25))
def test_agrees_with_the_kernel(lab, seed):
    check(lab, seed)


@pytest.mark.parametrize("seed", range(500, 515))
def test_agrees_with_the_kernel_on_its_own_packets(lab, seed):
    check(lab, seed, local=True)
