"""The options that several commands share, declared once."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from skoop.model.request import Overrides


class ListFormat(StrEnum):
    """How a list is shown."""

    TABLE = "table"
    JSON = "json"


AsList = Annotated[ListFormat, typer.Option("-o", "--output", help="How to show the list.")]
Port = Annotated[
    str, typer.Option("-p", "--port", "--dport", help="Destination port, or a port's name.")
]
Protocol = Annotated[str, typer.Option(help="tcp, udp, sctp or icmp.")]
Debug = Annotated[
    bool, typer.Option("--debug", help="Say every call to the cloud on stderr, without secrets.")
]


class Shown(NamedTuple):
    """How the user wants to see an answer."""

    output: Annotated[
        list[str] | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FORMAT",
            help="text, html, markdown, json, svg, png, dot, mermaid, d2, junit or sarif; may be "
            "repeated with --output-file.",
        ),
    ] = None
    output_file: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Write here instead of stdout. With several formats each gets its own ending.",
        ),
    ] = ""
    serve: Annotated[
        bool, typer.Option("--serve", help="Show the HTML report on a local address until Ctrl-C.")
    ] = False
    listen: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", help="With --serve; default: a free port of 127.0.0.1."),
    ] = ""
    verbose: Annotated[
        bool,
        typer.Option("-v", "--verbose", help="Show every step with the rule that decided it."),
    ] = False
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="One line: the verdict and why.")] = (
        False
    )
    no_color: Annotated[
        bool, typer.Option("--no-color", help="Plain text. So does NO_COLOR, and a pipe.")
    ] = False

    @property
    def formats(self) -> tuple[str, ...]:
        """Those asked for, else text."""
        return tuple(self.output or ("text",))


class Believed(NamedTuple):
    """What the user knows better than detection."""

    network_plugin: Annotated[
        str, typer.Option(metavar="NAME", help="Instead of what is detected.")
    ] = ""
    proxy_mode: Annotated[
        str, typer.Option(metavar="MODE", help="Instead of what is detected.")
    ] = ""
    cluster_cidr: Annotated[
        str, typer.Option(metavar="CIDRS", help="Where pods are; likewise.")
    ] = ""
    service_cidr: Annotated[
        str, typer.Option(metavar="CIDRS", help="Where Services are; likewise.")
    ] = ""
    cluster_domain: Annotated[
        str, typer.Option(metavar="NAME", help="The cluster's DNS zone; likewise.")
    ] = ""
    flannel_backend: Annotated[
        str, typer.Option(metavar="TYPE", help="vxlan, host-gw, ...; likewise.")
    ] = ""

    def overrides(self) -> Overrides:
        """The same for a request."""
        from skoop.model.request import Overrides

        return Overrides(*self)
