"""A packet on its way through the cloud: what it met so far."""

from __future__ import annotations

from msgspec import Struct

from skoop.diagnose.passage import Blocked, Gone, Journey, Reached, Stay
from skoop.findings.base import Finding
from skoop.infra.resources import Interface, Resource
from skoop.model.diagnosis import NotChecked, Suspicion, Where
from skoop.model.disposition import Direction, Disposition, Level
from skoop.model.packet import Packet
from skoop.model.trace import Evidence, Step, StepKind
from skoop.netstack.conntrack import tuple_of
from skoop.netstack.walk.events import Crossing, Reason, Stop
from skoop.network.cloud.view import View


class Fault(Struct, frozen=True, kw_only=True):
    """What stops a packet for certain. `resource` (or a `part` of it) is to blame."""

    finding: type[Finding]
    resource: Resource
    message: str
    evidence: tuple[Evidence, ...]
    part: str = ""
    disposition: Disposition = Disposition.DROPPED
    fix: str = ""


class Unsure(Struct, frozen=True):
    """Whether the packet passes cannot be told; `why` is a clause that names the rule."""

    why: str
    evidence: tuple[Evidence, ...] = ()


Trouble = Fault | Unsure


class Passing:
    """Collects one packet's journey. Made for one question, and thrown away after it."""

    def __init__(self, view: View, packet: Packet, crossings: tuple[Crossing, ...]) -> None:
        self.view = view
        self.packet = packet
        self._before = crossings
        self._stays: list[Stay] = []
        self._crossings: list[Crossing] = []
        self._doubts: list[Suspicion] = []
        self._notes: list[NotChecked] = []

    def copy(self) -> Passing:
        """The same journey so far, to go on another way."""
        made = Passing(self.view, self.packet, self._before)
        made._stays, made._crossings = list(self._stays), list(self._crossings)
        made._doubts, made._notes = list(self._doubts), list(self._notes)
        return made

    # --- places -------------------------------------------------------------------------------

    def enter(self, resource: Resource, title: str = "") -> None:
        """The packet comes to a device."""
        name = title or f"{resource.kind.value} {resource.id}"
        self._stay(self.view.gid(resource), name, emulated=resource.emulated)

    def enter_made_up(self, id_: str, title: str) -> None:
        """The packet comes to something the cloud has no object for."""
        self._stay(f"{self.view.tree.platform}/{id_}", title, emulated=True)

    def leave_for(self, address: str) -> None:
        """The packet reaches a host outside."""
        stay = Stay(
            id=f"external/{address}", title="", packet_in=self.packet, packet_out=self.packet
        )
        self._stays.append(stay)

    def _stay(self, id_: str, title: str, *, emulated: bool) -> None:
        if self._stays and self._stays[-1].id == id_:
            return
        self._stays.append(
            Stay(
                id=id_, title=title, packet_in=self.packet, packet_out=self.packet,
                emulated=emulated,
            )
        )  # fmt: skip

    def say(self, kind: StepKind, detail: str, *evidence: Evidence) -> None:
        """One more step at the present device."""
        last = self._stays[-1]
        steps = (*last.steps, Step(kind, detail, evidence))
        self._stays[-1] = _changed(last, steps, last.packet_out)

    def turn(self, packet: Packet, detail: str, *evidence: Evidence) -> None:
        """The present device changes the packet."""
        self.say(StepKind.NAT, detail, *evidence)
        self.packet = packet
        self._stays[-1] = _changed(self._stays[-1], self._stays[-1].steps, packet)

    # --- memory -------------------------------------------------------------------------------

    @property
    def crossings(self) -> tuple[Crossing, ...]:
        """What devices remember, the latest last."""
        return (*self._before, *self._crossings)

    def remember(self, place: Resource, flow: Packet, onward: Packet, node: str = "") -> None:
        """A device keeps a connection."""
        made = Crossing(self.view.gid(place), tuple_of(flow), tuple_of(onward), node)
        if made not in self.crossings:
            self._crossings.append(made)

    def chosen(self, place: Resource) -> Crossing | None:
        """What a device chose for the connection of which this is a further packet."""
        gid, mine = self.view.gid(place), tuple_of(self.packet)
        found = (each for each in self.crossings if (each.place, each.flow) == (gid, mine))
        return next(found, None)

    def admitted(self, interface: Interface) -> bool:
        """Whether the packet belongs to a connection that an interface has let through."""
        return self._of(interface) is not None

    def is_answer(self, interface: Interface) -> bool:
        """Whether the packet is the answer side of such a connection."""
        found = self._of(interface)
        return found is not None and found.onward.reversed() == tuple_of(self.packet)

    def _of(self, interface: Interface) -> Crossing | None:
        place, mine = self.view.gid(interface), tuple_of(self.packet)
        about = self.packet.quoted
        wanted = {mine} if about is None else {mine, tuple_of(about), tuple_of(about).reversed()}
        for each in self.crossings:
            if each.place == place and wanted & {each.flow, each.onward.reversed()}:
                return each
        return None

    # --- remarks and ends ---------------------------------------------------------------------

    def doubt(self, fault: Fault, *, level: Level | None = None, astray: bool = False) -> None:
        """Something suspicious that does not stop the packet; `astray` when it may have led it the
        wrong way, and is to blame if it then fails."""
        why = f"it leads {self.packet} astray" if astray else f"it is on the way of {self.packet}"
        self._doubts.append(self._suspicion(fault, why, level=level, blocking=astray))

    def note(self, what: str, why: str) -> None:
        """Something could not be looked at."""
        made = NotChecked(what, why)
        if made not in self._notes:
            self._notes.append(made)

    @property
    def journey(self) -> Journey:
        """All of it."""
        return Journey(
            stays=tuple(self._stays),
            crossings=tuple(self._crossings),
            doubts=tuple(self._doubts),
            notes=tuple(self._notes),
        )

    def reached(self, interface: Interface, node: str, weight: float) -> Reached:
        """It comes in at a node."""
        family, value = self.packet.family, self.packet.dst
        own = interface.has((family, value))
        first = next((each for kind, each in interface.addresses if kind is family), 0)
        return Reached(
            node=node, packet=self.packet, address=value if own else first, mac=interface.mac,
            journey=self.journey, weight=weight,
        )  # fmt: skip

    def gone(self, where: str, weight: float, *, answers: bool) -> Gone:
        """It is handed to something that is no node."""
        return Gone(
            where=where, packet=self.packet, answers=answers, journey=self.journey, weight=weight
        )

    def blocked(self, trouble: Trouble, weight: float) -> Blocked:
        """It ends at the present device."""
        if isinstance(trouble, Unsure):
            stop = Stop(
                disposition=Disposition.INSUFFICIENT_INFO,
                reason=Reason.CLOUD,
                detail=trouble.why,
                evidence=trouble.evidence,
            )
        else:
            stop = Stop(
                disposition=trouble.disposition,
                reason=Reason.CLOUD,
                detail=trouble.message.removesuffix("."),
                evidence=trouble.evidence,
                suspicion=self._suspicion(trouble, f"it stops {self.packet}", blocking=True),
            )
        return Blocked(stop=stop, packet=self.packet, journey=self.journey, weight=weight)

    def _suspicion(
        self, fault: Fault, why: str, *, blocking: bool, level: Level | None = None
    ) -> Suspicion:  # fmt: skip
        return fault.finding.suspect(
            where=Where("cloud", self.view.gid(fault.resource, fault.part)),
            direction=Direction.FORWARD,
            message=fault.message,
            evidence=fault.evidence,
            blocking=blocking,
            why=why,
            fix=fault.fix,
            level=level,
        )


def _changed(stay: Stay, steps: tuple[Step, ...], packet: Packet) -> Stay:
    return Stay(
        id=stay.id, title=stay.title, packet_in=stay.packet_in, packet_out=packet, steps=steps,
        emulated=stay.emulated,
    )  # fmt: skip
