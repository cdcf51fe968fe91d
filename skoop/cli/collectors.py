"""The options of collectors, for every command that starts some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from skoop.collector.options import CollectorOptions


def _option(metavar: str | None, said: str) -> Any:
    return typer.Option(metavar=metavar, help=said, rich_help_panel="Collectors")


class Collectors(NamedTuple):
    """What the command line says about collectors; "" and None leave it to them."""

    collector_image: Annotated[
        str,
        _option(
            "IMAGE",
            "An image with sh, iproute2 and iptables. Default: the network plugin's, which is on"
            " the node already.",
        ),
    ] = ""
    collector_namespace: Annotated[
        str,
        _option(
            "NAMESPACE",
            "Where their pods are made; it has to allow privileged pods. [default: kube-system]",
        ),
    ] = ""
    collector_pull_policy: Annotated[
        str, _option("POLICY", "Always, IfNotPresent (default) or Never.")
    ] = ""
    collector_pull_secret: Annotated[
        list[str] | None, _option("NAME", "A Secret to pull the image with; repeatable.")
    ] = None
    collector_node_selector: Annotated[
        list[str] | None,
        _option("KEY=VALUE", "Collect nodes with this label only; repeatable."),
    ] = None
    collector_toleration: Annotated[
        list[str] | None,
        _option("KEY[=VALUE][:EFFECT]", "Default: every taint is tolerated; repeatable."),
    ] = None
    collector_priority_class: Annotated[str, _option("NAME", "Their priority class.")] = ""
    collector_service_account: Annotated[
        str, _option("NAME", "Their service account, whose token they never see.")
    ] = ""
    collector_request: Annotated[
        list[str] | None,
        _option("RESOURCE=AMOUNT", "Default: cpu=10m and memory=32Mi; repeatable."),
    ] = None
    collector_security_context: Annotated[
        str, _option("least|privileged|JSON", "Of the container; least is the default.")
    ] = "least"
    collector_timeout: Annotated[float, _option(None, "Seconds for a node.")] = 60.0
    collector_parallel: Annotated[int, _option(None, "Nodes at a time.")] = 32

    def options(self) -> CollectorOptions:
        """The options, checked. Raises UsageError."""
        from skoop.collector import options as read

        plain = {
            "image": self.collector_image,
            "namespace": self.collector_namespace,
            "pull_policy": self.collector_pull_policy,
            "pull_secrets": tuple(self.collector_pull_secret or ()),
            "tolerations": tuple(map(read.parse_toleration, self.collector_toleration or ())),
            "priority_class": self.collector_priority_class,
            "service_account": self.collector_service_account,
            "requests": read.parse_requests(self.collector_request or ()),
        }
        given: dict[str, Any] = {name: value for name, value in plain.items() if value}
        return read.CollectorOptions(
            node_selector=read.parse_labels(self.collector_node_selector or ()),
            security_context=read.parse_security_context(self.collector_security_context),
            timeout=self.collector_timeout,
            parallel=self.collector_parallel,
            **given,
        )
