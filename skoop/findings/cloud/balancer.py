"""Causes in load balancers."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class CloudLbInactive(Finding):
    """The load balancer is not active.

    What it means: The cloud says that the load balancer is stopped, locked or being created
    (inactive).
    Why it matters: It forwards nothing.
    How to fix: Look at its state and its billing, and start it.
        skoop cloud PROVIDER lb-list
    """

    code = "CLOUD039"
    name = "cloud-lb-inactive"
    level = Level.FATAL


class CloudLbListenerMissing(Finding):
    """The load balancer has no listener for the port.

    What it means: None of its listeners has this protocol and port (listener-missing).
    Why it matters: Connections to the port are dropped or refused by the load balancer.
    How to fix: Add the port to the Service; the cloud controller creates the listener.
        skoop cloud PROVIDER lb-list
        kubectl describe service -n NS SERVICE
    """

    code = "CLOUD040"
    name = "cloud-lb-listener-missing"
    level = Level.FATAL


class CloudLbListenerStopped(Finding):
    """The listener does not run.

    What it means: There is a listener for the port, and it is stopped (listener-stopped).
    Why it matters: Connections to the port are not taken.
    How to fix: Start it, or let the cloud controller set it up again.
        skoop cloud PROVIDER lb-list
    """

    code = "CLOUD041"
    name = "cloud-lb-listener-stopped"
    level = Level.FATAL


class CloudLbPortMismatch(Finding):
    """The listener leads to another node port than the Service's.

    What it means: The backends' port is not the node port that Kubernetes allocated for this
    port of the Service (port-mismatch).
    Why it matters: Connections reach a port at which nobody answers for this Service.
    How to fix: Let the cloud controller update the server group.
        kubectl describe service -n NS SERVICE
        skoop cloud PROVIDER lb-list
    """

    code = "CLOUD042"
    name = "cloud-lb-port-mismatch"
    level = Level.CRITICAL


class CloudLbServerGroupMissing(Finding):
    """The listener has no server group.

    What it means: The listener names a server group that does not exist, or none (server-group-
    missing).
    Why it matters: The load balancer has nobody to hand connections to.
    How to fix: Let the cloud controller set the listener up again.
        skoop cloud PROVIDER lb-list
    """

    code = "CLOUD043"
    name = "cloud-lb-server-group-missing"
    level = Level.FATAL


class CloudLbNoBackends(Finding):
    """The server group is empty.

    What it means: No backend of the group takes new connections: there is none, or all have
    weight 0 (no-backends).
    Why it matters: The load balancer has nobody to hand connections to.
    How to fix: Look at the Service's endpoints and the cloud controller's log; with
    externalTrafficPolicy Local only nodes with a ready pod are backends.
        kubectl describe service -n NS SERVICE
        skoop cloud PROVIDER lb-list
    """

    code = "CLOUD044"
    name = "cloud-lb-no-backends"
    level = Level.FATAL


class CloudLbBackendSetDrift(Finding):
    """The backends are not the cluster's nodes.

    What it means: The server group has backends that are no node of the cluster, or lacks nodes
    that should be in it (backend-set-drift).
    Why it matters: Some connections go to machines that do not serve them, or too few nodes
    carry the load.
    How to fix: Look at the cloud controller's log; it keeps the group in step with the nodes.
        skoop cloud PROVIDER lb-list
        kubectl get nodes -o wide
    """

    code = "CLOUD045"
    name = "cloud-lb-backend-set-drift"
    level = Level.WARNING


class CloudLbBackendUnhealthy(Finding):
    """The load balancer thinks that a backend is unhealthy.

    What it means: The health check of this backend fails (backend-unhealthy).
    Why it matters: It gets no new connections; when all are unhealthy, nobody does.
    How to fix: Find out why the check fails: ask for the path from the load balancer to the
    node port.
        skoop cloud PROVIDER lb-list
        skoop diagnose internet node/NODE -p NODEPORT
    """

    code = "CLOUD046"
    name = "cloud-lb-backend-unhealthy"
    level = Level.WARNING


class CloudLbHealthCheckBlocked(Finding):
    """The load balancer's health checks are dropped.

    What it means: The checks come from addresses of the cloud's own, and a security group or
    network ACL of the backend drops them (health-check-blocked).
    Why it matters: Backends that work are taken out of service.
    How to fix: Allow the load balancer's own addresses in the nodes' group.
        skoop cloud PROVIDER security-group-show GROUP
    """

    code = "CLOUD047"
    name = "cloud-lb-health-check-blocked"
    level = Level.CRITICAL


class CloudLbCrossZoneOff(Finding):
    """No backend is in the load balancer's zone.

    What it means: The load balancer does not forward across zones, and the zone that the client
    came in by has no backend (cross-zone-off).
    Why it matters: Connections to this zone's address fail, those to others work.
    How to fix: Turn cross-zone forwarding on, or place nodes in every zone.
        skoop cloud PROVIDER nlb-list
    """

    code = "CLOUD048"
    name = "cloud-lb-cross-zone-off"
    level = Level.FATAL


class CloudLbTargetPortWrong(Finding):
    """The backend's port is not one the pod listens on.

    What it means: The load balancer sends straight to pods, at a port that is not the Service's
    target port (target-port-wrong).
    Why it matters: The pod refuses the connection.
    How to fix: Let the cloud controller update the server group.
        kubectl describe service -n NS SERVICE
        skoop cloud PROVIDER lb-list
    """

    code = "CLOUD049"
    name = "cloud-lb-target-port-wrong"
    level = Level.CRITICAL


class CloudLbAclDeny(Finding):
    """The listener's access list keeps the client out.

    What it means: The access list of the listener does not have the client's address, or has it
    as one to refuse (acl-deny).
    Why it matters: The load balancer drops the client's connections.
    How to fix: Add the client's network to the list, or take it out.
        skoop cloud PROVIDER lb-list
    """

    code = "CLOUD050"
    name = "cloud-lb-acl-deny"
    level = Level.FATAL


class CloudLbHairpinClientIpPreservation(Finding):
    """A backend cannot reach itself through the load balancer.

    What it means: The client is the very machine that the load balancer chose, and it keeps the
    client's address, so that the machine gets a packet with its own address as the source
    (hairpin-client-ip-preservation).
    Why it matters: Such a packet is dropped as forged; connections fail whenever the own node
    is chosen.
    How to fix: Use the Service's ClusterIP inside the cluster, or turn the preservation of
    client addresses off.
        skoop cloud PROVIDER nlb-list
    """

    code = "CLOUD051"
    name = "cloud-lb-hairpin-client-ip-preservation"
    level = Level.FATAL


class CloudLbRegionMismatch(Finding):
    """The load balancer is in another region.

    What it means: The Service's load balancer is not in the region of the cluster's nodes
    (region-mismatch).
    Why it matters: It cannot have the nodes as backends without a link between the regions.
    How to fix: Create the load balancer in the cluster's region.
        skoop cloud PROVIDER lb-list
    """

    code = "CLOUD052"
    name = "cloud-lb-region-mismatch"
    level = Level.CRITICAL


FINDINGS: tuple[type[Finding], ...] = (
    CloudLbInactive,
    CloudLbListenerMissing,
    CloudLbListenerStopped,
    CloudLbPortMismatch,
    CloudLbServerGroupMissing,
    CloudLbNoBackends,
    CloudLbBackendSetDrift,
    CloudLbBackendUnhealthy,
    CloudLbHealthCheckBlocked,
    CloudLbCrossZoneOff,
    CloudLbTargetPortWrong,
    CloudLbAclDeny,
    CloudLbHairpinClientIpPreservation,
    CloudLbRegionMismatch,
)
