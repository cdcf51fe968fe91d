"""The options of `skoop diagnose`: the question, where the state is from, whose cloud it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from skoop.cli.complete import (
    complete_context,
    complete_demo,
    complete_endpoint,
    complete_namespace,
)
from skoop.cli.options import Debug, Port, Protocol
from skoop.cli.plugged import asked

if TYPE_CHECKING:
    from skoop.cli.collectors import Collectors
    from skoop.cli.options import Shown
    from skoop.cli.query import CloudQuestion, State
    from skoop.model.request import Overrides, Request


class Question(NamedTuple):
    """Can SRC reach DST?"""

    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC",
            help="pod/NS/NAME, node/NAME, svc/NS/NAME, an IP, ...",
            autocompletion=complete_endpoint,
        ),
    ] = ""
    destination: Annotated[
        str,
        typer.Argument(
            metavar="DST",
            help="Likewise; also svc/NS/NAME:PORT, internet.",
            autocompletion=complete_endpoint,
        ),
    ] = ""
    src: Annotated[
        str, typer.Option("-s", "--src", help="The same as SRC.", autocompletion=complete_endpoint)
    ] = ""
    dst: Annotated[
        str, typer.Option("-d", "--dst", help="The same as DST.", autocompletion=complete_endpoint)
    ] = ""
    port: Port = ""
    protocol: Protocol = "tcp"
    namespace: Annotated[
        str,
        typer.Option(
            "-n",
            "--namespace",
            help="Namespace of bare names.",
            autocompletion=complete_namespace,
        ),
    ] = "default"
    sport: Annotated[int, typer.Option(help="Source port; 0: any.")] = 0
    size: Annotated[int, typer.Option(help="Payload in bytes; 0: a first packet.")] = 0
    df: Annotated[bool, typer.Option("--df", help="Do not fragment (UDP, ICMP).")] = False

    def request(self, provider: str, overrides: Overrides) -> Request:
        """The question as asked; its ends may be missing yet. Raises UsageError for an end that is
        given twice."""
        from skoop.model.request import Request

        return Request(
            src=one_of(self.source, self.src, "source"),
            dst=one_of(self.destination, self.dst, "destination"),
            port=self.port or None,
            protocol=self.protocol,
            namespace=self.namespace,
            sport=self.sport,
            size=self.size,
            df=self.df,
            provider=provider,
            overrides=overrides,
        )


class Origin(NamedTuple):
    """Where the state is from."""

    snapshot: Annotated[str, typer.Option(metavar="PATH", help="State from a snapshot.")] = ""
    demo: Annotated[
        str,
        typer.Option(metavar="NAME", help="State from a demo.", autocompletion=complete_demo),
    ] = ""
    kubeconfig: Annotated[
        str,
        typer.Option("--kubeconfig", "--kube-config", metavar="FILE", help="For a live cluster."),
    ] = ""
    context: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Its context, instead of the current one.",
            autocompletion=complete_context,
        ),
    ] = ""
    request_timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Silence of the API server that is borne.")
    ] = 60.0
    max_nodes: Annotated[
        int, typer.Option(metavar="N", help="How many nodes of a live cluster are collected.")
    ] = 20

    def state(self, shown: Shown, collectors: Collectors, *, steady: bool) -> State:
        """The same with how a running cluster is collected; `steady` when answers are printed
        meanwhile."""
        from skoop.cli.live import LiveFlags
        from skoop.cli.query import State

        live = LiveFlags(
            kubeconfig=self.kubeconfig,
            context=self.context,
            timeout=self.request_timeout,
            max_nodes=self.max_nodes,
            verbose=shown.verbose,
            quiet=shown.quiet,
            steady=steady,
            collectors=collectors,
        )
        return State(self.snapshot, self.demo, live)


class Cloud(NamedTuple):
    """The cloud under the nodes."""

    provider: Annotated[
        str, typer.Option("--provider", "--cloud-provider", help="auto, or see `provider list`.")
    ] = "auto"
    ask_cloud: Annotated[
        bool, typer.Option("--ask-cloud", help="Ask the cloud now, also for a snapshot without it.")
    ] = False
    debug: Debug = False
    show_emulated: Annotated[
        bool,
        typer.Option(
            "--show-emulated", help="Show devices that the cloud itself has no object for."
        ),
    ] = False

    def question(self, ctx: typer.Context) -> CloudQuestion:
        """Which provider the command line means, with the options it gives to it."""
        from skoop.cli.output import remark
        from skoop.cli.query import CloudQuestion

        return CloudQuestion(
            self.provider,
            asked(ctx),
            live=self.ask_cloud,
            debug=remark if self.debug else None,
            emulated=self.show_emulated,
        )


def one_of(argument: str, option: str, what: str) -> str:
    """The argument or its flag. Raises UsageError when both are given and differ."""
    from skoop.errors import UsageError

    if argument and option and argument != option:
        raise UsageError(f"Two {what}s: {argument!r} and {option!r}.")
    return argument or option
