"""What a demo tells, as a user is told it: with the provider that its nodes ask for."""

from __future__ import annotations

from skoop.cli.plugged import Asked
from skoop.cli.query import CloudQuestion, State, open_session
from skoop.demo import Demo
from skoop.provider.registry import Registry
from skoop.report.convert import to_document
from skoop.report.document import ResultDoc


def told(demo: Demo) -> ResultDoc:
    """The answer to the demo's own question."""
    cloud = CloudQuestion("auto", Asked(Registry.of(), {}))
    with open_session(State(demo=demo.name), cloud) as session:
        return to_document(cloud.shown(session.diagnose(demo.request())))
