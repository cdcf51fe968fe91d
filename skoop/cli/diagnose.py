"""`skoop diagnose` and `skoop demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skoop.cli.collectors import Collectors, collecting
from skoop.cli.complete import complete_context, complete_endpoint, complete_namespace
from skoop.cli.options import (
    AskCloud,
    ClusterCidr,
    ClusterDomain,
    Debug,
    FlannelBackend,
    Listen,
    ListFormat,
    NetworkPlugin,
    NoColor,
    OutputFile,
    OutputFormats,
    ProxyModeName,
    Quiet,
    Serve,
    ServiceCidr,
    ShowEmulated,
    Verbose,
)
from skoop.cli.plugged import asked

if TYPE_CHECKING:
    from skoop.cli.output import Shown
    from skoop.cli.query import CloudQuestion, State
    from skoop.model.request import Request


@collecting
def diagnose(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC",
            help="pod/NS/NAME, node/NAME, svc/NS/NAME, an IP, ...",
            autocompletion=complete_endpoint,
        ),
    ] = "",
    destination: Annotated[
        str,
        typer.Argument(
            metavar="DST",
            help="Likewise; also svc/NS/NAME:PORT, internet.",
            autocompletion=complete_endpoint,
        ),
    ] = "",
    src: Annotated[
        str, typer.Option("-s", "--src", help="The same as SRC.", autocompletion=complete_endpoint)
    ] = "",
    dst: Annotated[
        str, typer.Option("-d", "--dst", help="The same as DST.", autocompletion=complete_endpoint)
    ] = "",
    port: Annotated[
        str, typer.Option("-p", "--port", "--dport", help="Destination port, or a port's name.")
    ] = "",
    protocol: Annotated[str, typer.Option(help="tcp, udp, sctp or icmp.")] = "tcp",
    namespace: Annotated[
        str,
        typer.Option(
            "-n",
            "--namespace",
            help="Namespace of bare names.",
            autocompletion=complete_namespace,
        ),
    ] = "default",
    sport: Annotated[int, typer.Option(help="Source port; 0: any.")] = 0,
    size: Annotated[int, typer.Option(help="Payload in bytes; 0: a first packet.")] = 0,
    df: Annotated[bool, typer.Option("--df", help="Do not fragment (UDP, ICMP).")] = False,
    batch: Annotated[
        str, typer.Option(metavar="FILE|-", help="Many queries, one JSON object a line.")
    ] = "",
    snapshot: Annotated[str, typer.Option(metavar="PATH", help="State from a snapshot.")] = "",
    demo: Annotated[str, typer.Option(metavar="NAME", help="State from a demo.")] = "",
    kubeconfig: Annotated[
        str,
        typer.Option("--kubeconfig", "--kube-config", metavar="FILE", help="For a live cluster."),
    ] = "",
    context: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Its context, instead of the current one.",
            autocompletion=complete_context,
        ),
    ] = "",
    request_timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Silence of the API server that is borne.")
    ] = 60.0,
    max_nodes: Annotated[
        int, typer.Option(metavar="N", help="How many nodes of a live cluster are collected.")
    ] = 20,
    provider: Annotated[
        str, typer.Option("--provider", "--cloud-provider", help="auto, or see `provider list`.")
    ] = "auto",
    ask_cloud: AskCloud = False,
    debug: Debug = False,
    show_emulated: ShowEmulated = False,
    network_plugin: NetworkPlugin = "",
    proxy_mode: ProxyModeName = "",
    cluster_cidr: ClusterCidr = "",
    service_cidr: ServiceCidr = "",
    cluster_domain: ClusterDomain = "",
    flannel_backend: FlannelBackend = "",
    output: OutputFormats = None,
    output_file: OutputFile = "",
    serve: Serve = False,
    listen: Listen = "",
    verbose: Verbose = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
    *,
    collectors: Collectors,
) -> None:
    """Say whether SRC can reach DST, and if not, why.

    \b
    skoop diagnose pod/shop/web-1 svc/shop/api:80
    skoop diagnose deploy/shop/web db.example.com -p 5432 -o html --serve
    skoop diagnose internet svc/shop/web --provider aliyun
    skoop diagnose pod/shop/web-1 10.0.0.7 -p 53 --protocol udp --snapshot case.tar.gz

    Exit code: 0 reachable; 1 unreachable or partial; 2 bad usage; 3 cannot be decided from what
    was collected; 4 skoop could not look.
    """
    from skoop.cli.live import LiveFlags
    from skoop.cli.output import Shown
    from skoop.cli.query import State
    from skoop.model.request import Overrides, Request

    live = LiveFlags(
        kubeconfig, context, request_timeout, max_nodes, verbose, quiet, bool(batch), collectors
    )
    state = State(snapshot, demo, live)
    cloud = cloud_question(
        ctx, provider, ask_cloud=ask_cloud, debug=debug, emulated=show_emulated
    )  # fmt: skip
    overrides = Overrides(
        network_plugin, proxy_mode, cluster_cidr, service_cidr, cluster_domain, flannel_backend
    )
    common = Request(
        src=one_of(source, src, "source"), dst=one_of(destination, dst, "destination"),
        port=port or None, protocol=protocol, namespace=namespace, sport=sport, size=size, df=df,
        provider=provider, overrides=overrides,
    )  # fmt: skip
    if batch:
        check_batch(output or [], output_file, common)
        raise typer.Exit(_batch(batch, common, state, cloud))
    if demo and not common.src and not common.dst:
        common = _shown_question(demo, common)
    shown = Shown(
        formats=tuple(output or ["text"]), output_file=output_file, no_color=no_color,
        verbose=verbose, quiet=quiet, serve=serve, listen=listen,
    )  # fmt: skip
    _answer(common, state, cloud, shown)


def cloud_question(
    context: typer.Context, provider: str, *, ask_cloud: bool = False, debug: bool = False,
    emulated: bool = False,
) -> CloudQuestion:  # fmt: skip
    """Which provider a command line means."""
    from skoop.cli.output import remark
    from skoop.cli.query import CloudQuestion

    return CloudQuestion(
        provider, asked(context), ask_cloud, remark if debug else None, emulated
    )  # fmt: skip


def _batch(file: str, common: Request, state: State, cloud: CloudQuestion) -> int:
    """Each line completed by the flags that hold for all."""
    from msgspec.structs import replace

    from skoop.cli.batch import Query, run_batch
    from skoop.cli.query import check_overrides, check_request, open_session

    def ask(query: Query) -> Request:
        given = {
            "protocol": query.protocol, "sport": query.sport, "size": query.size, "df": query.df,
        }  # fmt: skip
        changes = {key: value for key, value in given.items() if value is not None}
        request = replace(common, src=query.src, dst=query.dst, port=query.port, **changes)
        return check_request(request)

    check_overrides(common.overrides)
    with open_session(state, cloud) as session:
        return run_batch(file, ask, lambda request: cloud.shown(session.diagnose(request)))


def _shown_question(demo_name: str, common: Request) -> Request:
    """The question that a demo is shown with, unless a port was given."""
    from msgspec.structs import replace

    from skoop.demo import find_demo

    shown = find_demo(demo_name)
    return replace(
        common, src=shown.src, dst=shown.dst, port=common.port or shown.port,
        protocol=shown.protocol, size=common.size or shown.size,
    )  # fmt: skip


def demo(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Which one; none: list.")] = "",
    output: OutputFormats = None,
    output_file: OutputFile = "",
    serve: Serve = False,
    listen: Listen = "",
    verbose: Verbose = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Diagnose a broken cluster that is shipped with skoop; without a NAME list them (-o json)."""
    if not name:
        from skoop.cli.demos import write_demos

        write_demos(_list_format(output))
        return
    from skoop.cli.output import Shown
    from skoop.cli.query import State
    from skoop.model.request import Request

    shown = Shown(
        formats=tuple(output or ["text"]), output_file=output_file, no_color=no_color,
        verbose=verbose, quiet=quiet, serve=serve, listen=listen,
    )  # fmt: skip
    request = _shown_question(name, Request(src="", dst=""))
    _answer(request, State(demo=name), cloud_question(ctx, request.provider), shown)


def _answer(request: Request, state: State, cloud: CloudQuestion, shown: Shown) -> None:
    from skoop.cli.output import check_output, deliver
    from skoop.cli.query import EXIT_CODES, check_request, open_session
    from skoop.report.convert import to_document

    check_output(shown)
    request = check_request(request)
    with open_session(state, cloud) as session:
        diagnosis = session.diagnose(request)
    deliver(to_document(cloud.shown(diagnosis)), shown)
    raise typer.Exit(EXIT_CODES[diagnosis.verdict])


def _list_format(output: list[str] | None) -> ListFormat:
    from skoop.errors import UsageError

    name = output[-1] if output else "table"
    try:
        return ListFormat(name)
    except ValueError as error:
        raise UsageError(f"A list has the formats table and json, not {name!r}.") from error


def one_of(argument: str, option: str, what: str) -> str:
    """The argument or its flag. Raises UsageError when both are given and differ."""
    from skoop.errors import UsageError

    if argument and option and argument != option:
        raise UsageError(f"Two {what}s: {argument!r} and {option!r}.")
    return argument or option


def check_batch(output: list[str], output_file: str, common: Request) -> None:
    """Raises UsageError for what a batch does not take."""
    from skoop.errors import UsageError

    if common.src or common.dst or common.port:
        raise UsageError("With --batch each line names its own source, destination and port.")
    if output not in ([], ["json"]) or output_file:
        raise UsageError("--batch writes JSON lines to stdout; no other -o or --output-file.")
