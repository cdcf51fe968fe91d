"""`skoop collect`: network namespaces of this machine, or raw text files, as a snapshot."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Collect state without a cluster's help.", no_args_is_help=True)


@app.command()
def node(
    name: Annotated[str, typer.Option("--node", metavar="NAME", help="The node's name.")],
    netns: Annotated[
        str,
        typer.Option(
            metavar="PATH", help="Path or name of the node's namespace; default: this one."
        ),
    ] = "",
    pod: Annotated[
        list[str] | None,
        typer.Option(metavar="NS/NAME=NETNS_PATH", help="A pod's network namespace; repeatable."),
    ] = None,
    output_file: Annotated[
        str, typer.Option("-o", "--output-file", metavar="FILE", help="Instead of stdout.")
    ] = "",
) -> None:
    """Write one node's document from network namespaces on this machine."""
    from pathlib import Path

    from skoop.cli.output import emit, write_file
    from skoop.collector.local import collect_node
    from skoop.snapshot import encode_document

    document = collect_node(name, netns or None, parse_pods(pod or []))
    text = encode_document(document).decode()
    if output_file:
        write_file(Path(output_file), text)
    else:
        emit(text)


@app.command("from-raw")
def from_raw(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Raw outputs, a file a command.")],
    output_file: Annotated[
        str, typer.Option("-o", "--output-file", metavar="SNAPSHOT", help="Folder or .tar.gz.")
    ],
) -> None:
    """Build a snapshot from a folder of raw command outputs, or of the nodes/NODE.agent files that
    `skoop collector render --bootstrap` makes nodes write."""
    from skoop.collector.document import AGENT_FILE, parse_agent_output
    from skoop.snapshot import from_raw as read_raw
    from skoop.snapshot import save

    save(read_raw(folder, readers={AGENT_FILE: parse_agent_output}), output_file)


def parse_pods(options: list[str]) -> dict[str, str]:
    """{"NS/NAME": path} from "NS/NAME=PATH". Raises UsageError."""
    from skoop.errors import UsageError

    pods: dict[str, str] = {}
    for option in options:
        identity, _, path = option.partition("=")
        namespace, _, name = identity.partition("/")
        if not (namespace and name and path) or "/" in name:
            raise UsageError(f"--pod takes NS/NAME=NETNS_PATH, not {option!r}.")
        if identity in pods:
            raise UsageError(f"--pod {identity} is given twice.")
        pods[identity] = path
    return pods
