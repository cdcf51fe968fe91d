"""Questions about policies, in the user's words: between which ends, over which port."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from skoop.cluster.detect.cni import detect_cni
from skoop.cluster.detect.facts import Cni
from skoop.cluster.resolve import Target, meet, only_port, resolve
from skoop.errors import UsageError
from skoop.model.address import Family
from skoop.model.kube import Inventory, Pod, Service, ServicePort
from skoop.model.packet import Proto
from skoop.policy import (
    Engine,
    Flow,
    Outcome,
    Parties,
    Party,
    PolicySet,
    PolicyVerdict,
    Traffic,
    compile_policies,
    evaluate,
)
from skoop.policy.party import NAMES

PROTOCOLS = {name.lower(): number for name, number in NAMES.items()} | {"icmp": int(Proto.ICMP)}


class Asked(Struct, frozen=True):
    """What is asked: two endpoints as typed; `port` is a number, a name or "" for the only one."""

    source: str
    destination: str
    port: str = ""
    protocol: str = "tcp"
    namespace: str = "default"


class Judged(Struct, frozen=True):
    """One verdict for every pod a Service stands for, or the one there is. `assumptions` say how
    the endpoints were read."""

    verdicts: tuple[PolicyVerdict, ...]
    assumptions: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        """What they have in common; None when they differ."""
        found = {verdict.outcome for verdict in self.verdicts}
        return found.pop() if len(found) == 1 else None


def engine_of(inventory: Inventory, asked: str = "auto") -> Engine:
    """Whose reading of the policies is meant: Calico's where it enforces them. Raises UsageError
    for a name that is none."""
    if asked != "auto":
        try:
            return Engine(asked)
        except ValueError as error:
            names = ", ".join(("auto", *(each.value for each in Engine)))
            raise UsageError(f"Unknown engine {asked[:40]!r}; there are {names}.") from error
    calico = inventory.calico_policies or inventory.calico.known
    found = detect_cni(inventory, {}).value in (Cni.CALICO, Cni.CANAL)
    return Engine.CALICO if calico or found else Engine.KUBERNETES


class Judge:
    """The policies of one cluster, compiled once, for any number of questions."""

    def __init__(self, inventory: Inventory, engine: Engine) -> None:
        self.inventory = inventory
        self.policies: PolicySet = compile_policies(inventory, engine)
        self.parties = Parties(inventory)

    def judge(self, asked: Asked) -> Judged:
        """Answer a question. Raises UsageError or EndpointError for one that cannot be asked."""
        flows, assumptions = self.flows(asked)
        return Judged(tuple(evaluate(self.policies, flow) for flow in flows), assumptions)

    def flows(self, asked: Asked) -> tuple[tuple[Flow, ...], tuple[str, ...]]:
        """The connections a question is about: to a Service one for each of its pods, since
        policies see the pod's address and port, not the Service's."""
        proto = PROTOCOLS.get(asked.protocol.lower())
        if proto is None:
            names = ", ".join(PROTOCOLS)
            raise UsageError(f"Unknown protocol {asked.protocol[:40]!r}; there are {names}.")
        found = [
            resolve(text, self.inventory, namespace=asked.namespace)
            for text in (asked.source, asked.destination)
        ]
        ends = meet(found[0], found[1])
        source = self._party(ends.source, ends.family)
        assumptions = ends.source.assumptions + ends.destination.assumptions
        service = ends.destination.service
        if service is not None:
            port = _service_port(service, ends.destination, asked)
            note = f"policies see the pods behind Service {service.namespace}/{service.name}"
            flows = tuple(self._backends(service, port, source, ends.family))
            if not flows:
                raise UsageError(f"Service {service.namespace}/{service.name} has no pods.")
            return flows, (*assumptions, note)
        destination = self._party(ends.destination, ends.family)
        number = _number(asked, ends.destination, proto)
        return (Flow(source, destination, Traffic(proto, number)),), assumptions

    def _party(self, target: Target, family: Family) -> Party:
        if target.pod is not None:
            return self.parties.of_pod(target.pod, family)
        if target.node is not None:
            return self.parties.of_node(target.node, family)
        if not target.ips:
            raise UsageError(f"{target.endpoint} has no address.")
        return self.parties.of_address(target.ips[0])

    def _backends(
        self, service: Service, port: ServicePort, source: Party, family: Family
    ) -> Iterator[Flow]:
        """The endpoints of its slices; without slices, the pods its selector finds."""
        proto = NAMES[port.protocol]
        slices = self.inventory.slices_of(service.namespace, service.name)
        for each in slices:
            numbers = [p.port for p in each.ports if p.name == port.name and p.port]
            if each.family is not family or not numbers:
                continue
            for endpoint in each.endpoints:
                for address in endpoint.addresses[:1] if endpoint.ready else ():
                    party = self.parties.of_address(address)
                    yield Flow(source, party, Traffic(proto, numbers[0]))
        if slices or not service.selector:
            return
        for pod in self.inventory.pods:
            if pod.namespace == service.namespace and _selects(service, pod):
                number = _target_port(port, pod)
                if number:
                    party = self.parties.of_pod(pod, family if pod.ips else None)
                    yield Flow(source, party, Traffic(proto, number))


def _selects(service: Service, pod: Pod) -> bool:
    labels = pod.labels
    return all(labels.get(key) == value for key, value in service.selector.items())


def _target_port(port: ServicePort, pod: Pod) -> int:
    """The pod's port behind a Service's, 0 when it names one the pod does not have."""
    if isinstance(port.target_port, int):
        return port.target_port or port.port
    for container in pod.containers:
        for each in container.ports:
            if each.name == port.target_port and each.protocol == port.protocol:
                return each.port
    return 0


def _service_port(service: Service, target: Target, asked: Asked) -> ServicePort:
    wanted = asked.port or (str(target.port) if target.port else "")
    if not wanted:
        only = only_port(target)
        if only is None:
            raise UsageError(f"Which port of {target.endpoint}? Give one with -p.")
        return only
    protocol = target.protocol or asked.protocol.upper()
    for each in service.ports:
        if wanted in (str(each.port), each.name) and each.protocol == protocol:
            return each
    known = ", ".join(f"{each.port}/{each.protocol}" for each in service.ports) or "none"
    raise UsageError(f"{target.endpoint} has no port {wanted[:40]!r}; it has: {known}.")


def _number(asked: Asked, target: Target, proto: int) -> int:
    if proto == Proto.ICMP:
        return 0
    text = asked.port or (str(target.port) if target.port else "")
    if text.isascii() and text.isdigit():
        number = int(text[:6])
        if not 1 <= number <= 65535:
            raise UsageError(f"There is no port {text[:40]}; ports are 1 to 65535.")
        return number
    ports = {
        each.name: each.port
        for container in (target.pod.containers if target.pod else ())
        for each in container.ports
        if each.name
    }
    if text in ports:
        return ports[text]
    if not text:
        raise UsageError(f"Which port of {target.endpoint}? Give one with -p.")
    known = ", ".join(sorted(ports)) or "none"
    raise UsageError(f"{target.endpoint} has no port named {text[:40]!r}; it has: {known}.")
