"""A round: one random cluster, the faults put into it, and the questions asked of it.

Everything follows from a seed, and a round can be made smaller part by part.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.lab import commands
from tests.lab.build import build
from tests.lab.capture import capture
from tests.lab.commands import CommandError
from tests.lab.faults import Fault, Scene, Target, catalogue_of, find, guest, pick, wireguard
from tests.lab.generate import random_calico_cluster, random_cluster
from tests.lab.generate_services import service_cluster
from tests.lab.lab import Lab
from tests.lab.probe import Hit, Shot, shoot
from tests.lab.queries import Asker, Query, behind, pinged, shot
from tests.lab.serve import Servers
from tests.lab.topology import Cluster, KubeProxy

SETTLE = 0.05
"""Seconds between the last change and the snapshot."""
MANY = 30
"""Attempts one after the other: enough to draw every backend, not so many that it takes minutes."""


class Injection(Struct, frozen=True):
    """A fault of the catalogue, and what it is done to."""

    fault: str
    target: Target

    def __str__(self) -> str:
        t = self.target
        return f"{self.fault} (node {t.node} pod {t.pod} peer {t.peer} service {t.service})"


class Round(Struct, frozen=True, kw_only=True):
    """What is played. `warm` means that pods have talked before the faults came, so that
    neighbours are known."""

    seed: int
    cluster: Cluster
    injections: tuple[Injection, ...] = ()
    queries: tuple[Query, ...] = ()
    warm: bool = False

    def described(self) -> str:
        """Its flavour and faults in one line."""
        c = self.cluster
        network = f"calico {c.calico}" if c.calico else c.backend
        flags = [network, c.cni, c.iptables, c.proxy]
        flags += [f"nf-call={c.bridge_nf_call}", f"rp={c.rp_filter}"]
        flags += ["direct"] * c.direct_routing + ["dual"] * c.dual_stack + ["warm"] * self.warm
        flags += ["ipv6-only"] * c.ipv6_only
        flags += ["no-hairpin"] * (not c.hairpin) + ["masquerade-all"] * c.masquerade_all
        flags += _told(c.settings)
        faults = "; ".join(map(str, self.injections)) or "no fault"
        return f"seed {self.seed}: {len(c.nodes)} nodes {' '.join(flags)}: {faults}"


def _told(settings: KubeProxy) -> list[str]:
    """What differs from kube-proxy's defaults."""
    defaults = KubeProxy()
    pairs = ((name, getattr(settings, name)) for name in KubeProxy.__struct_fields__)
    return [f"{name}={value}" for name, value in pairs if value != getattr(defaults, name)]


class Truth(Struct, frozen=True):
    """What the kernel answered to one question: the different outcomes of all attempts."""

    query: Query
    hits: tuple[Hit, ...]


def random_round(seed: int, *, queries: int = 20) -> Round:
    """The round of a seed: a tenth without a fault, most with one, a quarter with two."""
    rng = random.Random(seed)
    return _broken(seed, rng, random_cluster(rng), queries)


def fault_round(seed: int, *, fault: str, queries: int = 20) -> Round:
    """A random cluster that has a target for this one fault, and the fault. The guest, which has
    what some faults need, lacks nft's nat."""
    rng, drawn = random.Random(seed), None
    in_guest = any(fault == each.name for each in guest.FAULTS)
    while drawn is None:
        cluster = random_cluster(rng)
        if in_guest:
            cluster = msgspec.structs.replace(cluster, iptables="legacy", proxy="iptables")
        if any(fault == each.name for each in wireguard.FAULTS):
            cluster = msgspec.structs.replace(cluster, backend="wireguard", direct_routing=False)
        drawn = aim(find(fault), cluster, rng)
    return _asked(seed, rng, cluster, (drawn,), queries)


def calico_round(seed: int, *, queries: int = 20) -> Round:
    """The same with a Calico cluster and its faults."""
    rng = random.Random(seed)
    return _broken(seed, rng, random_calico_cluster(rng), queries)


def _broken(seed: int, rng: random.Random, cluster: Cluster, queries: int) -> Round:
    count = rng.choices((0, 1, 2), (10, 65, 25))[0]
    injections: list[Injection] = []
    for _ in range(count):
        drawn = _draw(rng, cluster)
        if drawn and drawn.fault not in {i.fault for i in injections}:
            injections.append(drawn)
    return _asked(seed, rng, cluster, tuple(injections), queries)


def _asked(
    seed: int, rng: random.Random, cluster: Cluster, injections: tuple[Injection, ...], queries: int
) -> Round:
    targets = tuple(i.target for i in injections)
    shaped = reshaped(cluster, injections)
    drawn = Asker(shaped, rng, targets).draw(queries)
    return Round(
        seed=seed,
        cluster=cluster,
        injections=injections,
        queries=pinged(drawn) if any(find(i.fault).pings for i in injections) else drawn,
        warm=rng.random() < 0.3 and not any(find(i.fault).cold for i in injections),
    )


def service_round(seed: int, *, queries: int = 20, protocol: str = "") -> Round:
    """A round about Services: every kind of them in every mode, without faults, and nearly all
    questions go to them. With a protocol all are asked by it; SCTP in the guest, which has it, and
    lacks nft's nat."""
    rng = random.Random(seed)
    cluster = service_cluster(rng)
    if protocol == "sctp":
        cluster = msgspec.structs.replace(cluster, iptables="legacy", proxy="iptables")
    asker = Asker(cluster, rng, (), services_only=True, protocol=protocol)
    return Round(seed=seed, cluster=cluster, queries=asker.draw(queries), warm=rng.random() < 0.3)


def in_mode(played: Round, proxy: str) -> Round:
    """The same round with another mode of kube-proxy. The guest that has IPVS lacks nft's nat; and
    where several namespaces have virtual servers, /proc/net/ip_vs ends with its first page
    (ip_vs_info_array() counts one's own, ip_vs_info_seq_next() all), so there are to be few."""
    iptables, settings = played.cluster.iptables, played.cluster.settings
    if proxy == "ipvs":
        iptables = "legacy"
        settings = msgspec.structs.replace(settings, node_ports=("primary",))
    cluster = msgspec.structs.replace(
        played.cluster, proxy=proxy, iptables=iptables, settings=settings
    )
    return msgspec.structs.replace(played, cluster=cluster)


def _draw(rng: random.Random, cluster: Cluster) -> Injection | None:
    for _ in range(40):
        target, candidate = pick(cluster, rng), _by_lot(catalogue_of(cluster), rng)
        if target and not candidate.unmodelled and candidate.fits(cluster, target):
            return Injection(candidate.name, target)
    return None


def _by_lot(faults: tuple[Fault, ...], rng: random.Random) -> Fault:
    """One of them, each as likely. A fault that the catalogue gets later takes the place of the one
    drawn only where it has the lowest lot, so that the rounds of most seeds stay what they are."""
    drawn = rng.random()
    return min(faults, key=lambda one: random.Random(f"{drawn} {one.name}").random())


def aim(fault: Fault, cluster: Cluster, rng: random.Random) -> Injection | None:
    """A target for one fault in a cluster, None where it has none."""
    for _ in range(60):
        target = pick(cluster, rng)
        if target and fault.fits(cluster, target):
            return Injection(fault.name, target)
    return None


def reshaped(cluster: Cluster, injections: tuple[Injection, ...]) -> Cluster:
    """The description with all faults that are faults of the description."""
    for injection in injections:
        cluster = find(injection.fault).reshape(cluster, injection.target)
    return cluster


class Play:
    """A round on the kernel: built, broken, captured, and there to be asked. Close it after use."""

    def __init__(self, played: Round) -> None:
        self.round = played
        self.lab: Lab = build(reshaped(played.cluster, played.injections))
        self._servers = Servers(self.lab)
        self._servers.__enter__()
        try:
            if played.warm:
                self._warm_up()
            self._break()
            time.sleep(SETTLE)
        except BaseException:
            self.close()
            raise

    def _break(self) -> None:
        """Inject the faults. What the first has broken, another may find gone."""
        for number, injection in enumerate(self.round.injections):
            try:
                find(injection.fault).inject(Scene(self.lab, injection.target))
            except CommandError:
                if number == 0:
                    raise

    def capture(self, folder: Path) -> None:
        """Write the snapshot; do it before asking, as asking changes the kernel's state."""
        capture(self.lab, folder)

    def ask(self, *, timeout: float = 0.3) -> list[Truth]:
        """Put all questions to the kernel."""
        shots: list[Shot] = []
        spans = []
        for query in self.round.queries:
            tries = attempts(self.lab.cluster, query)
            spans.append(tries)
            shots += [shot(self.lab, query)] * tries
        hits = shoot(shots, timeout=timeout)
        truths, start = [], 0
        for query, tries in zip(self.round.queries, spans, strict=True):
            truths.append(Truth(query, tuple(sorted(set(hits[start : start + tries])))))
            start += tries
        return truths

    def ask_again(self, query: Query, *, tries: int, timeout: float) -> tuple[Hit, ...]:
        """One question alone, with patience: what decides a disagreement."""
        one = shot(self.lab, query)
        if query.size and query.protocol == "tcp":
            return self._each_afresh(one, tries=min(tries + 2, MANY), timeout=timeout)
        first = shoot([one] * tries, timeout=timeout)
        if any(h.result in ("timeout", "unreachable") for h in first):
            # Errors of unreachable and prohibit routes are limited to one a second for each
            # client, whatever icmp_ratelimit says (net.ipv4.route.error_cost).
            time.sleep(1.1)
            first += shoot([one] * 2, timeout=timeout, width=1)
        return tuple(sorted(set(first)))

    def _each_afresh(self, one: Shot, *, tries: int, timeout: float) -> tuple[Hit, ...]:
        """A transfer, lost or not, may teach an end the path's MTU, and the end tells it in the MSS
        of its next connections (ipv4_default_advmss()), which then get through. Every attempt
        starts without it, as the snapshot did. (A datagram that is lost so is sent again, in the
        simulator too.)"""
        found = set()
        for _ in range(tries):
            self.forget()
            found.update(shoot([one], timeout=timeout))
        return tuple(sorted(found))

    def forget(self) -> None:
        """No namespace knows a path MTU any more."""
        for namespace in self.lab.namespaces.values():
            commands.sysctl(namespace, {"ipv4/route/flush": 1})
            if self.lab.cluster.dual_stack:
                commands.run(namespace, ("ip", "-6", "route", "flush", "cache"))

    def _warm_up(self) -> None:
        """Every pod has talked to its gateway, its mates and one pod of each other node."""
        cluster = self.lab.cluster
        own = [p for p in cluster.pods if not p.host_network]
        shots = [
            Shot(namespace=self.lab.pod(p.name), address=address, port=8080)
            for p in own
            for q in own
            for address in (q.ip, q.ip6)
            if p is not q and address
        ]
        shoot(shots, timeout=0.2)

    def close(self) -> None:
        """Remove the lab."""
        self._servers.__exit__()
        self.lab.close()

    def __enter__(self) -> Play:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def attempts(cluster: Cluster, query: Query) -> int:
    """How often to ask so that every backend is likely to have been drawn."""
    service = behind(cluster, query)
    if service is None or query.sport:
        return 1
    ready = sum(b.ready for b in service.backends) or len(service.backends)
    return 1 if ready < 2 else 6 * ready


def to_json(played: Round) -> bytes:
    """A round as text, for a recorded case."""
    return msgspec.json.encode(played)


def from_json(text: bytes) -> Round:
    """The round that was written by `to_json`."""
    return msgspec.json.decode(text, type=Round)
