"""`skoop diagnose`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skoop.cli.asking import Cloud, Origin, Question
from skoop.cli.collectors import Collectors
from skoop.cli.grouped import grouped
from skoop.cli.options import Believed, Shown

if TYPE_CHECKING:
    from skoop.cli.batch import Query
    from skoop.cli.query import CloudQuestion, State
    from skoop.model.request import Request


@grouped
def diagnose(
    ctx: typer.Context,
    question: Question,
    *,
    batch: Annotated[
        str, typer.Option(metavar="FILE|-", help="Many queries, one JSON object a line.")
    ] = "",
    origin: Origin,
    cloud: Cloud,
    believed: Believed,
    shown: Shown,
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
    state = origin.state(shown, collectors, steady=bool(batch))
    request = question.request(cloud.provider, believed.overrides())
    if batch:
        check_batch(shown, request)
        raise typer.Exit(_answer_all(batch, request, state, cloud.question(ctx)))
    if origin.demo and not request.src and not request.dst:
        request = question_of(origin.demo, request)
    answer(request, state, cloud.question(ctx), shown)


def check_batch(shown: Shown, common: Request) -> None:
    """Raises UsageError for what a batch does not take."""
    from skoop.errors import UsageError

    if common.src or common.dst or common.port:
        raise UsageError("With --batch each line names its own source, destination and port.")
    if shown.output not in (None, [], ["json"]) or shown.output_file:
        raise UsageError("--batch writes JSON lines to stdout; no other -o or --output-file.")


def _answer_all(file: str, common: Request, state: State, cloud: CloudQuestion) -> int:
    """Each line completed by the flags that hold for all; the worst exit code."""
    from msgspec.structs import replace

    from skoop.cli.batch import run_batch
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


def question_of(demo: str, common: Request) -> Request:
    """The question that a demo is shown with, unless a port was given."""
    from msgspec.structs import replace

    from skoop.demo import find_demo

    shown = find_demo(demo)
    return replace(
        common, src=shown.src, dst=shown.dst, port=common.port or shown.port,
        protocol=shown.protocol, size=common.size or shown.size,
    )  # fmt: skip


def answer(request: Request, state: State, cloud: CloudQuestion, shown: Shown) -> None:
    """Answer, and end with the verdict's exit code."""
    from skoop.cli.output import check_output, deliver
    from skoop.cli.query import EXIT_CODES, check_request, open_session
    from skoop.report.convert import to_document

    check_output(shown)
    request = check_request(request)
    with open_session(state, cloud) as session:
        diagnosis = session.diagnose(request)
    deliver(to_document(cloud.shown(diagnosis)), shown)
    raise typer.Exit(EXIT_CODES[diagnosis.verdict])
