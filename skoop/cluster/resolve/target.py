"""An endpoint that has been found, and two of them that meet."""

from __future__ import annotations

from msgspec import Struct, structs

from skoop.errors import UsageError
from skoop.model.address import Family, format_ip
from skoop.model.diagnosis import Endpoint, EndpointKind
from skoop.model.kube import Address, Node, Pod, Service, ServicePort


class Target(Struct, frozen=True, kw_only=True):
    """One end of the question.

    `ips` are its addresses, the preferred one first: a pod's podIPs, a node's InternalIPs and then
    ExternalIPs, a Service's ClusterIPs, what DNS answers for a headless Service, the one address
    that was typed. () when it has none yet (a pending pod). `port` is 0 unless the endpoint named
    one, and `protocol` ("TCP", "UDP", "SCTP") is "" unless a Service port was named. An address
    that no object of the API has is EXTERNAL: an interface of a node may still own it.
    """

    endpoint: Endpoint
    ips: tuple[Address, ...] = ()
    pod: Pod | None = None
    node: Node | None = None
    service: Service | None = None
    port: int = 0
    protocol: str = ""
    assumptions: tuple[str, ...] = ()

    @property
    def families(self) -> tuple[Family, ...]:
        """The IP versions it has, the preferred one first."""
        return tuple(dict.fromkeys(family for family, _ in self.ips))

    def in_family(self, family: Family) -> Target:
        """This target with only its addresses of one family; the endpoint shows the first."""
        ips = tuple(ip for ip in self.ips if ip[0] is family)
        text = format_ip(*ips[0]) if ips else ""
        return structs.replace(self, ips=ips, endpoint=structs.replace(self.endpoint, ip=text))


class Ends(Struct, frozen=True):
    """Source and destination in the family they have in common. Those of a Service that has none
    of its client's are `apart`, in the Service's family."""

    source: Target
    destination: Target
    family: Family

    @property
    def apart(self) -> bool:
        """Whether both have addresses, and none of the same IP version."""
        return bool(self.source.ips) and self.family not in self.source.families


def asked_of_service(source: Target, destination: Target) -> Ends:
    """As `meet`, but a Service without an address of the client's IP version is no bad question:
    what it lacks is a finding. Raises UsageError."""
    families = destination.families
    common = set(families) & set(source.families)
    if destination.service is None or not source.ips or not families or common:
        return meet(source, destination)
    return Ends(source, destination.in_family(families[0]), families[0])


def meet(source: Target, destination: Target) -> Ends:
    """Choose the IP version: the destination's first that the source has too.

    An end without any address (a pod that is not running yet) takes the other's: what is wrong with
    it is a finding, not a usage error. Raises UsageError when both have addresses and none of the
    same version.
    """
    ours, theirs = source.families, destination.families
    common = [family for family in theirs if family in ours]
    if ours and theirs and not common:
        raise UsageError(
            f"{source.endpoint} and {destination.endpoint} have no IP version in common:"
            f" {_versions(ours)} and {_versions(theirs)}"
        )
    family = next(iter((*common, *theirs, *ours)), Family.V4)
    return Ends(source.in_family(family), destination.in_family(family), family)


def only_port(target: Target) -> ServicePort | None:
    """The port that is meant when a Service is named without one and has just one."""
    if target.service is None or len(target.service.ports) != 1:
        return None
    return target.service.ports[0]


def pod_target(pod: Pod, *, assumptions: tuple[str, ...] = ()) -> Target:
    """A pod as a target."""
    endpoint = Endpoint(
        kind=EndpointKind.POD,
        name=pod.name,
        namespace=pod.namespace,
        ip=_first(pod.ips),
        node=pod.node,
    )
    return Target(endpoint=endpoint, ips=pod.ips, pod=pod, assumptions=assumptions)


def node_target(node: Node, ips: tuple[Address, ...] = ()) -> Target:
    """A node as a target, by all its addresses or by those given."""
    ips = ips or node.ips
    endpoint = Endpoint(kind=EndpointKind.NODE, name=node.name, ip=_first(ips), node=node.name)
    return Target(endpoint=endpoint, ips=ips, node=node)


def service_target(
    service: Service, ips: tuple[Address, ...], *, assumptions: tuple[str, ...] = ()
) -> Target:
    """A Service as a target, by the addresses given."""
    endpoint = Endpoint(
        kind=EndpointKind.SERVICE,
        name=service.name,
        namespace=service.namespace,
        ip=_first(ips),
    )
    return Target(endpoint=endpoint, ips=ips, service=service, assumptions=assumptions)


def external_target(
    name: str, ips: tuple[Address, ...], *, assumptions: tuple[str, ...] = ()
) -> Target:
    """Something outside the cluster's objects."""
    endpoint = Endpoint(kind=EndpointKind.EXTERNAL, name=name, ip=_first(ips))
    return Target(endpoint=endpoint, ips=ips, assumptions=assumptions)


def _first(ips: tuple[Address, ...]) -> str:
    return format_ip(*ips[0]) if ips else ""


def _versions(families: tuple[Family, ...]) -> str:
    return " and ".join(f"IPv{family.value}" for family in families)
