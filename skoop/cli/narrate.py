"""Progress as plain lines on stderr, every event one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from skoop.cli.output import remark
from skoop.model.progress import (
    ListFailed,
    ListFinished,
    NodeFailed,
    NodeFinished,
    NodeStage,
    Observer,
    Progress,
    Stage,
    Warned,
)


@contextmanager
def observing(*, verbose: bool, quiet: bool, steady: bool = False) -> Iterator[Observer]:
    """Who shows progress meanwhile: a line each with `verbose`, warnings only with `quiet`, else
    what fits the terminal; `steady` when answers are printed meanwhile: only what fails is said."""
    if quiet:
        yield lambda event: narrate(event) if isinstance(event, Warned) else None
    elif verbose:
        yield narrate
    elif steady:
        yield lambda event: narrate(event) if isinstance(event, _FAILURES) else None
    else:
        from skoop.cli.progress import shown_progress

        with shown_progress() as observe:
            yield observe


_FAILURES = (ListFailed, NodeFailed, Warned)


def narrate(event: Progress) -> None:
    """Say an event."""
    text = sentence(event)
    if text:
        remark(text)


def sentence(event: Progress) -> str:
    """An event as a line, "" for one that says nothing by itself."""
    match event:
        case Stage(text):
            return f"{text}..."
        case ListFinished(resource, objects):
            return f"  {resource}: {objects}"
        case ListFailed(resource, why):
            return f"  {resource}: not listed: {why}"
        case NodeStage(node, stage):
            return f"  node {node}: {stage}"
        case NodeFinished(node, namespaces):
            return f"  node {node}: collected, {namespaces} network namespaces"
        case NodeFailed(node, why):
            return f"  node {node}: not collected: {why}"
        case Warned(text):
            return f"skoop: {text}."
    return ""
