"""The options of collectors, for every command that starts some.

@app.command()
@collecting
def create(path: ..., *, collectors: Collectors) -> None: ...
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from skoop.collector.options import CollectorOptions

_PARAMETER = "collectors"
_PREFIX = "--collector-"
_PANEL = "Collectors"


class Collectors(NamedTuple):
    """What the command line says about collectors."""

    given: dict[str, Any]

    def options(self) -> CollectorOptions:
        """The options, checked. Raises UsageError."""
        from skoop.collector import options as read

        given = self.given
        named: dict[str, Any] = {}
        for name in ("image", "pull_policy", "priority_class", "service_account", "namespace"):
            if given[name]:
                named[name] = given[name]
        if given["pull_secret"]:
            named["pull_secrets"] = tuple(given["pull_secret"])
        if given["toleration"]:
            named["tolerations"] = tuple(map(read.parse_toleration, given["toleration"]))
        if given["request"]:
            named["requests"] = read.parse_requests(given["request"])
        return read.CollectorOptions(
            node_selector=read.parse_labels(given["node_selector"] or ()),
            security_context=read.parse_security_context(given["security_context"]),
            timeout=given["timeout"],
            parallel=given["parallel"],
            **named,
        )


def _text(flag: str, metavar: str, said: str) -> Any:
    return Annotated[
        str,
        typer.Option(
            _PREFIX + flag,
            metavar=metavar,
            help=said,
            rich_help_panel=_PANEL,
        ),
    ]


def _texts(flag: str, metavar: str, said: str) -> Any:
    help_ = f"{said}; repeatable."
    option = typer.Option(_PREFIX + flag, metavar=metavar, help=help_, rich_help_panel=_PANEL)
    return Annotated[list[str] | None, option]


_OPTIONS: dict[str, tuple[Any, Any]] = {
    "image": (
        _text(
            "image",
            "IMAGE",
            "An image with sh, iproute2 and iptables. Default: the network plugin's, which is on"
            " the node already.",
        ),
        "",
    ),
    "namespace": (
        _text(
            "namespace",
            "NAMESPACE",
            "Where their pods are made; it has to allow privileged pods. [default: kube-system]",
        ),
        "",
    ),
    "pull_policy": (_text("pull-policy", "POLICY", "Always, IfNotPresent (default) or Never."), ""),
    "pull_secret": (_texts("pull-secret", "NAME", "A Secret to pull the image with"), None),
    "node_selector": (
        _texts("node-selector", "KEY=VALUE", "Collect nodes with this label only"),
        None,
    ),
    "toleration": (
        _texts("toleration", "KEY[=VALUE][:EFFECT]", "Default: every taint is tolerated"),
        None,
    ),
    "priority_class": (_text("priority-class", "NAME", "Their priority class."), ""),
    "service_account": (
        _text("service-account", "NAME", "Their service account, whose token they never see."),
        "",
    ),
    "request": (_texts("request", "RESOURCE=AMOUNT", "Default: cpu=10m and memory=32Mi"), None),
    "security_context": (
        _text(
            "security-context", "least|privileged|JSON", "Of the container; least is the default."
        ),
        "least",
    ),
    "timeout": (
        Annotated[
            float,
            typer.Option(_PREFIX + "timeout", help="Seconds for a node.", rich_help_panel=_PANEL),
        ],
        60.0,
    ),
    "parallel": (
        Annotated[
            int,
            typer.Option(_PREFIX + "parallel", help="Nodes at a time.", rich_help_panel=_PANEL),
        ],
        32,
    ),
}


def collecting(command: Callable[..., None]) -> Callable[..., None]:
    """A command with all options of collectors, which it gets as the argument `collectors`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        mine = {name: given.pop(f"collector_{name}") for name in _OPTIONS}
        command(**given, **{_PARAMETER: Collectors(mine)})

    signature = inspect.signature(command, eval_str=True)
    own = [each for each in signature.parameters.values() if each.name != _PARAMETER]
    more = [
        inspect.Parameter(
            f"collector_{name}", inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
        )
        for name, (kind, default) in _OPTIONS.items()
    ]
    del wrapped.__wrapped__
    parameters = [*own, *more]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
    return wrapped
