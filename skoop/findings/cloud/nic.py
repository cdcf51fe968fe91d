"""Causes in instances and their network interfaces."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class CloudNicInstanceStopped(Finding):
    """The instance under a node does not run.

    What it means: The cloud says that the machine of this node is stopped, starting or being
    released (instance-stopped).
    Why it matters: Nothing is delivered to it and it sends nothing, whatever Kubernetes still
    believes.
    How to fix: Start the instance, or remove the node from the cluster.
        skoop cloud PROVIDER instance-list
        kubectl get node NODE
    """

    code = "CLOUD001"
    name = "cloud-nic-instance-stopped"
    level = Level.FATAL


class CloudNicDetached(Finding):
    """The network interface is not attached.

    What it means: The interface with the packet's address is detached, being attached or
    disabled (nic-detached).
    Why it matters: The cloud delivers nothing to an interface that no instance has.
    How to fix: Attach it again; a CNI that manages interfaces does so when its agent restarts.
        skoop cloud PROVIDER network-interface-list
    """

    code = "CLOUD002"
    name = "cloud-nic-detached"
    level = Level.FATAL


class CloudNicPodIpUnassigned(Finding):
    """The pod's address is on no network interface.

    What it means: The pod's address lies in a subnet of the VPC, but no interface has it as one
    of its private addresses (pod-ip-unassigned).
    Why it matters: The VPC has nobody to deliver packets for it to, and drops what the pod
    sends.
    How to fix: Let the CNI assign it again by recreating the pod, and look at its agent's log.
        kubectl delete pod -n NS POD
        skoop cloud PROVIDER network-interface-list
    """

    code = "CLOUD003"
    name = "cloud-nic-pod-ip-unassigned"
    level = Level.FATAL


class CloudNicSourceDestCheck(Finding):
    """The source/destination check drops the packet.

    What it means: The interface may only send from and receive for its own addresses, and the
    packet carries another one, such as a pod's (source-dest-check).
    Why it matters: Without a tunnel or masquerading every packet of a pod meets this check.
    How to fix: Turn the check off on the interfaces of nodes that route for pods.
        skoop cloud PROVIDER network-interface-list
    """

    code = "CLOUD004"
    name = "cloud-nic-source-dest-check"
    level = Level.FATAL


class CloudNicWrongSubnet(Finding):
    """The address is not in its interface's subnet.

    What it means: An interface has an address that is outside the networks of the subnet it is
    in, or its subnet is not in the VPC that the cluster uses (wrong-subnet).
    Why it matters: The VPC routes the address to another subnet, so answers do not come back.
    How to fix: Move the node, or assign it an address of its own subnet.
        skoop cloud PROVIDER vswitch-list
        skoop cloud PROVIDER network-interface-list
    """

    code = "CLOUD005"
    name = "cloud-nic-wrong-subnet"
    level = Level.CRITICAL


class CloudNicVanishedDuringDiagnosis(Finding):
    """A resource vanished during the diagnosis.

    What it means: Something that would be to blame was there when the cloud was first asked,
    and gone when it was asked again (vanished-during-diagnosis).
    Why it matters: The cloud is being changed at this moment; the finding it would have given
    is not certain any more.
    How to fix: Ask again once the change is done.
        skoop diagnose SRC DST -p PORT
    """

    code = "CLOUD006"
    name = "cloud-nic-vanished-during-diagnosis"
    level = Level.WARNING


FINDINGS: tuple[type[Finding], ...] = (
    CloudNicInstanceStopped,
    CloudNicDetached,
    CloudNicPodIpUnassigned,
    CloudNicSourceDestCheck,
    CloudNicWrongSubnet,
    CloudNicVanishedDuringDiagnosis,
)
