"""Random route tables, groups, ACLs and packets, small enough that rules meet."""

from __future__ import annotations

from random import Random

from skoop.infra.decide.flow import Flow
from skoop.infra.decide.groups import Peers
from skoop.infra.resources import (
    AclRule,
    Action,
    Intra,
    NetworkAcl,
    NextHop,
    NextHopKind,
    Peer,
    PeerKind,
    PortRange,
    PrefixList,
    Route,
    RouteOrigin,
    RouteState,
    RouteTable,
    SecurityGroup,
    SecurityRule,
    Way,
)
from skoop.model.address import Family, Prefix

BASE = {Family.V4: 10 << 24, Family.V6: 0xFD << 120}
GROUPS = ("sg-a", "sg-b", "sg-c")
LISTS = ("pl-a", "pl-b")


class Drawn:
    """A source of random things; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def family(self) -> Family:
        return Family.V6 if self.random.random() < 0.2 else Family.V4

    def address(self, family: Family) -> int:
        return BASE[family] + self.random.randrange(16) * 257

    def prefix(self, family: Family | None = None) -> Prefix:
        family = family or self.family()
        length = self.random.choice((0, 8, 16, 20, 24, 28, 30, 32, family.bits))
        shift = family.bits - length
        return Prefix(family, self.address(family) >> shift << shift, length)

    def ports(self) -> PortRange:
        first = self.random.randrange(1, 8)
        return self.random.choice(
            (PortRange(), PortRange(first, first), PortRange(first, first + 3))
        )

    def protocol(self) -> int:
        return self.random.choice((-1, 6, 6, 17, 1))

    def flow(self) -> Flow:
        family = self.family()
        protocol = self.random.choice((6, 6, 17, 1, 132))
        ported = protocol != 1
        return Flow(
            family=family,
            protocol=58 if protocol == 1 and family is Family.V6 else protocol,
            src=self.address(family),
            dst=self.address(family),
            sport=self.random.randrange(1, 10) if ported else 0,
            dport=self.random.randrange(1, 10) if ported else 0,
        )

    def peer(self) -> Peer:
        kind = self.random.choice(tuple(PeerKind))
        if kind is PeerKind.CIDR:
            return Peer(kind, self.prefix())
        if kind is PeerKind.GROUP:
            return Peer(kind, id=self.random.choice(GROUPS))
        if kind is PeerKind.PREFIX_LIST:
            return Peer(kind, id=self.random.choice(LISTS))
        return Peer()

    def rule(self, number: int) -> SecurityRule:
        return SecurityRule(
            id=f"r{number}",
            way=self.random.choice(tuple(Way)),
            action=self.random.choice(tuple(Action)),
            priority=self.random.choice((1, 1, 2, 50, 100)),
            protocol=self.protocol(),
            ports=self.ports(),
            source_ports=self.ports() if self.random.random() < 0.2 else PortRange(),
            peer=self.peer(),
            local=self.prefix() if self.random.random() < 0.2 else None,
        )

    def groups(self) -> list[SecurityGroup]:
        ids = self.random.sample(GROUPS, self.random.randrange(4))
        action = self.random.choice
        return [
            SecurityGroup(
                id=each,
                intra=self.random.choice(tuple(Intra)),
                rules=tuple(self.rule(n) for n in range(self.random.randrange(5))),
                ingress_default=action(tuple(Action)),
                egress_default=action(tuple(Action)),
            )
            for each in ids
        ]

    def peers(self) -> Peers:
        if self.random.random() < 0.25:
            return Peers(known=False)
        return Peers(frozenset(self.random.sample(GROUPS, self.random.randrange(3))))

    def lists(self) -> dict[str, PrefixList]:
        return {
            each: PrefixList(id=each, entries=tuple(self.prefix() for _ in range(2)))
            for each in LISTS
            if self.random.random() < 0.7
        }

    def acl(self) -> NetworkAcl:
        def rules() -> tuple[AclRule, ...]:
            return tuple(
                AclRule(
                    id=f"a{number}",
                    action=self.random.choice(tuple(Action)),
                    protocol=self.protocol(),
                    ports=self.ports(),
                    peer=self.prefix() if self.random.random() < 0.7 else None,
                )
                for number in range(self.random.randrange(6))
            )

        default = self.random.choice(tuple(Action))
        return NetworkAcl(id="acl", ingress=rules(), egress=rules(), default=default)

    def table(self) -> RouteTable:
        kinds = (NextHopKind.LOCAL, NextHopKind.INSTANCE, NextHopKind.NAT_GATEWAY)
        routes = tuple(
            Route(
                id=f"t{number}",
                destination=self.prefix(),
                next_hops=(NextHop(self.random.choice(kinds), "x"),),
                state=self.random.choice(tuple(RouteState)),
                origin=self.random.choice(tuple(RouteOrigin)),
            )
            for number in range(self.random.randrange(8))
        )
        return RouteTable(id="vtb", routes=routes)
