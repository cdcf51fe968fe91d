"""What a question needs to know of Aliyun, as a resource tree: live, or from a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skoop.infra.aliyun import again, load
from skoop.infra.aliyun.client import actions as a
from skoop.infra.aliyun.client.errors import AliyunError
from skoop.infra.aliyun.decode.compute import subscription
from skoop.infra.aliyun.decode.values import items
from skoop.infra.aliyun.identity import identity
from skoop.infra.aliyun.load import Place
from skoop.infra.aliyun.names import InstanceName, instance_name
from skoop.infra.aliyun.narrow import WHOLE
from skoop.infra.aliyun.reach import read_balancers, read_public
from skoop.infra.aliyun.record import Memory, Question, Regionless
from skoop.infra.aliyun.region import MOST_BY_ID, RegionReader
from skoop.infra.capability import Capability
from skoop.infra.resources import Resource, Subscription, Tree
from skoop.infra.source import CloudState, Gap, Scope

PLATFORM = "Aliyun"
"""Begins every global id; never changes."""
CAPABILITIES = tuple(Capability)
"""All there are: each is read below, and a test holds that it is."""

_MACHINES = frozenset((Capability.INSTANCES, Capability.ROUTES))


class AliyunSource:
    """Reads Aliyun through a memory. Implements `CloudSource`."""

    def __init__(self, memory: Memory, region: str = "") -> None:
        """`region` is where to look when no node says."""
        self._memory = memory
        self._region = region
        self._regions: tuple[str, ...] = ()

    def state(self, scope: Scope) -> CloudState:
        """See `CloudSource.state`. Who is asking and the nodes' instances come first; from them
        follow the VPCs with what is in them, and from these their entries and rules."""
        named = [name for node in scope.nodes if (name := instance_name(node.provider_id))]
        regions = tuple(dict.fromkeys(each.region for each in named)) or (self._region,)
        self._regions = regions
        self._memory.prefetch(self._first_questions(regions, named))
        try:
            who = identity(Regionless(self._memory))
        except AliyunError as error:
            return CloudState(Tree(PLATFORM), tuple(Gap(each, str(error)) for each in CAPABILITIES))
        me = Subscription(id=who.account, owner=who.account, current=True, raw=who.arn)
        read = [self._read(each, who.account, scope, named) for each in regions]
        found = {(one.kind, one.id): one for each in read for one in (me, *each.found)}
        others, said = self._others(found.values(), who.account)
        found |= {(one.kind, one.id): one for one in others}
        vanished = tuple(
            f"{one} vanished during diagnosis and is left out"
            for each in read
            for one in dict.fromkeys(each.place.vanished)
        )
        gaps = tuple(dict.fromkeys(gap for each in read for gap in each.gaps))
        return CloudState(
            tree=Tree(PLATFORM, found.values()),
            gaps=gaps,
            assumptions=(*said, *vanished),
            subscription=me,
            complete=not {gap.capability for gap in gaps} & _MACHINES,
        )

    def again(self, resource: Resource) -> Resource | None:
        """See `CloudSource.again`."""
        if not self._memory.live:
            return resource
        return again.look(
            Place(self._memory.fresh(), resource.region, resource.owner, []), resource
        )

    def recorded(self) -> Mapping[str, bytes]:
        """See `CloudSource.recorded`. What a record should answer besides is asked now."""
        if self._memory.live:
            regions = self._regions or (self._region,)
            self._memory.prefetch(Question.of(one, where) for where in regions for one in WHOLE)
        return {"aliyun": self._memory.answers().encode()}

    def _first_questions(self, regions: Iterable[str], named: list[InstanceName]) -> list[Question]:
        questions = [Question.of(a.CALLER_IDENTITY)]
        if len(named) > MOST_BY_ID:
            return questions
        for region in regions:
            ids = [each.id for each in named if each.region == region]
            if ids:
                questions += load.instance_questions(Place(self._memory, region, "", []), ids)
        return questions

    def _read(
        self, region: str, account: str, scope: Scope, named: Iterable[InstanceName]
    ) -> RegionReader:
        place = Place(self._memory, region, account, [])
        ids = [each.id for each in named if each.region == region]
        reader = RegionReader(place, scope, ids)
        reader.read()
        if scope.internet:
            read_public(reader)
        read_balancers(reader)
        return reader

    def _others(
        self, resources: Iterable[Resource], account: str
    ) -> tuple[tuple[Subscription, ...], tuple[str, ...]]:
        """Other accounts that own something here, by name where a resource directory tells."""
        owners = sorted({each.owner for each in resources} - {"", account})
        if not owners:
            return (), ()
        try:
            listed = items(self._memory.ask(Question.of(a.ACCOUNTS)), *a.ACCOUNTS.items)
        except AliyunError as error:
            said = (
                f"accounts {', '.join(owners)} own some of these resources; only account "
                f"{account} was looked into, since there is no list of accounts: {error}"
            )
            return tuple(Subscription(id=one, owner=one) for one in owners), (said,)
        known = [subscription(each, account) for each in listed]
        return tuple(each for each in known if each.id in owners), ()
