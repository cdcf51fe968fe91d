"""The sentence that says it all."""

from __future__ import annotations

import pytest

from skoop.cluster.resolve import Ends, Target
from skoop.diagnose.summary import summarise
from skoop.diagnose.verdict import settle
from skoop.findings import route
from skoop.model.address import Family
from skoop.model.diagnosis import Endpoint, EndpointKind, Where
from skoop.model.disposition import Direction
from skoop.model.trace import Evidence
from tests.diagnose.test_verdict import row

ENDS = Ends(
    Target(endpoint=Endpoint(kind=EndpointKind.POD, name="a", namespace="shop")),
    Target(endpoint=Endpoint(kind=EndpointKind.POD, name="b", namespace="shop")),
    Family.V4,
)

SENTENCES = {
    "works": ([row("ok")], "pod shop/a reaches pod shop/b port 80."),
    "one failure": (
        [row("refused")],
        "pod shop/a cannot reach pod shop/b port 80: it is refused.",
    ),
    "two failures, the more frequent first": (
        [row("refused", 0.3), row("timeout", 0.7)],
        "pod shop/a cannot reach pod shop/b port 80: it gets no answer or is refused.",
    ),
    "partly": (
        [row("ok", 0.25), row("timeout", 0.75)],
        "pod shop/a reaches pod shop/b port 80 on 25% of connections.",
    ),
    "not known": (
        [row("unknown")],
        "Whether pod shop/a reaches pod shop/b port 80 cannot be told from what was collected.",
    ),
}


@pytest.mark.parametrize(("rows", "said"), SENTENCES.values(), ids=SENTENCES)
def test_the_sentence(rows, said):
    assert summarise(ENDS, 80, settle(rows), ()) == said


CAUSES = {
    "A rule drops it": "because a rule drops it",
    "No route is left": "because no route is left",
    "NetworkPolicy shop/p denies it": "because NetworkPolicy shop/p denies it",
    "IP forwarding is off": "because IP forwarding is off",
}


@pytest.mark.parametrize("message", CAUSES)
def test_a_cause_goes_on_in_the_sentence(message: str) -> None:
    cause = route.RouteMissing.suspect(
        where=Where("node", "k1"), direction=Direction.FORWARD, message=message,
        evidence=(Evidence("a", "b"),), blocking=True,
    )  # fmt: skip
    said = summarise(ENDS, 80, settle([row("timeout")]), (cause,))
    assert said.endswith(f"{CAUSES[message]}.")
