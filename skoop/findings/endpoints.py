"""Causes in the endpoints of a Service."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class EndpointsNone(Finding):
    """The Service has no endpoints.

    What it means: No EndpointSlice of the Service holds an address. A Service without a selector
    needs slices made by somebody.
    Why it matters: kube-proxy rejects connections to the Service: "connection refused".
    How to fix: See what the Service selects, and whether such pods exist.
        kubectl -n NS get endpointslices -l kubernetes.io/service-name=SVC
        kubectl -n NS get service SVC -o jsonpath='{.spec.selector}'
    """

    code = "EP001"
    name = "endpoints-none"
    level = Level.FATAL


class EndpointsAllUnready(Finding):
    """No endpoint of the Service is ready.

    What it means: Pods are selected, and all of them fail their readiness checks (all-unready).
    Why it matters: kube-proxy uses ready endpoints only, so connections are rejected.
    How to fix: Find out why the pods are not ready; that, not the network, is the cause.
        kubectl -n NS get pods -l SELECTOR
        kubectl -n NS describe pod POD
    """

    code = "EP002"
    name = "endpoints-all-unready"
    level = Level.FATAL


class EndpointsOnlyTerminating(Finding):
    """All endpoints of the Service are being deleted.

    What it means: The only pods left are terminating (only-terminating).
    Why it matters: Those that still serve are used as a last resort; soon there will be none.
    How to fix: Look at the rollout; replacement pods do not become ready.
        kubectl -n NS get pods -l SELECTOR
        kubectl -n NS rollout status deployment NAME
    """

    code = "EP003"
    name = "endpoints-only-terminating"
    level = Level.CRITICAL


class SelectorMatchesNothing(Finding):
    """The Service's selector matches no pod.

    What it means: No pod of the namespace has all the labels of the selector.
    Why it matters: The Service has no endpoints and rejects every connection.
    How to fix: Compare labels and selector, letter by letter.
        kubectl -n NS get service SVC -o jsonpath='{.spec.selector}'
        kubectl -n NS get pods --show-labels
    """

    code = "EP004"
    name = "selector-matches-nothing"
    level = Level.FATAL


class SliceStale(Finding):
    """An EndpointSlice does not match the pods it stands for.

    What it means: It lists an address no ready pod has, or lacks one that a ready pod has.
    Why it matters: Nodes balance to what the slice says.
    How to fix: Slices are written by kube-controller-manager; see whether it runs. Slices made by
    hand must be kept by hand.
        kubectl -n NS get endpointslices -l kubernetes.io/service-name=SVC -o yaml
        kubectl -n kube-system get pods -l component=kube-controller-manager
    """

    code = "EP005"
    name = "slice-stale"
    level = Level.CRITICAL


class SlicePortMismatch(Finding):
    """The EndpointSlice's port is not the Service's.

    What it means: The slice has no port with the name of the Service's port, or another number than
    its targetPort.
    Why it matters: kube-proxy joins the two by the port's name; without a match there is nothing to
    program.
    How to fix: Use the same port name in both (for slices made by hand), or correct targetPort.
        kubectl -n NS get endpointslices -l kubernetes.io/service-name=SVC -o yaml | grep -A4 ports
    """

    code = "EP006"
    name = "slice-port-mismatch"
    level = Level.FATAL


class EndpointsWrongFamily(Finding):
    """The Service's endpoints are of another IP version.

    What it means: The Service has an address of the version asked for, and its endpoints do not
    (wrong-family).
    Why it matters: For this version the Service has no endpoints.
    How to fix: Pods get both versions only when the cluster is dual stack; otherwise make the
    Service single stack.
        kubectl -n NS get endpointslices -l kubernetes.io/service-name=SVC -L addressType
    """

    code = "EP007"
    name = "endpoints-wrong-family"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    EndpointsNone,
    EndpointsAllUnready,
    EndpointsOnlyTerminating,
    SelectorMatchesNothing,
    SliceStale,
    SlicePortMismatch,
    EndpointsWrongFamily,
)
