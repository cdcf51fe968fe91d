"""The options that several commands share, declared once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class ListFormat(StrEnum):
    """How a list is shown."""

    TABLE = "table"
    JSON = "json"


OutputFormats = Annotated[
    list[str] | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FORMAT",
        help="text, html, markdown, json, svg, png, dot, mermaid, d2, junit or sarif; may be "
        "repeated with --output-file.",
    ),
]
OutputFile = Annotated[
    str,
    typer.Option(
        metavar="FILE",
        help="Write here instead of stdout. With several formats each gets its own ending.",
    ),
]
NoColor = Annotated[
    bool, typer.Option("--no-color", help="Plain text. So does NO_COLOR, and a pipe.")
]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Show every step with the rule that decided it.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="One line: the verdict and why.")]
Serve = Annotated[
    bool, typer.Option("--serve", help="Show the HTML report on a local address until Ctrl-C.")
]
Listen = Annotated[
    str, typer.Option(metavar="HOST:PORT", help="With --serve; default: a free port of 127.0.0.1.")
]
NetworkPlugin = Annotated[str, typer.Option(metavar="NAME", help="Instead of what is detected.")]
ProxyModeName = Annotated[
    str, typer.Option("--proxy-mode", metavar="MODE", help="Instead of what is detected.")
]
ClusterCidr = Annotated[
    str, typer.Option("--cluster-cidr", metavar="CIDRS", help="Where pods are; likewise.")
]
ServiceCidr = Annotated[
    str, typer.Option("--service-cidr", metavar="CIDRS", help="Where Services are; likewise.")
]
ClusterDomain = Annotated[
    str, typer.Option("--cluster-domain", metavar="NAME", help="The cluster's DNS zone; likewise.")
]
FlannelBackend = Annotated[
    str, typer.Option("--flannel-backend", metavar="TYPE", help="vxlan, host-gw, ...; likewise.")
]
AsList = Annotated[ListFormat, typer.Option("-o", "--output", help="How to show the list.")]
AskCloud = Annotated[
    bool, typer.Option("--ask-cloud", help="Ask the cloud now, also for a snapshot without it.")
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Say every call to the cloud on stderr, without secrets.")
]
ShowEmulated = Annotated[
    bool,
    typer.Option("--show-emulated", help="Show devices that the cloud itself has no object for."),
]
