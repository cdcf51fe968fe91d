"""The report as one HTML file: no network, no other files, nothing of it run but its own script.

Everything is in the page as text before any script runs, so that it reads without one, prints, and
is found by a search. The script draws the graph and shows what belongs to a place that is chosen.
`cytoscape.min.js` (MIT, cytoscape.LICENSE) draws.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from string import Template

from skoop.report import svg
from skoop.report.document import ResultDoc
from skoop.report.html.data import graph_data
from skoop.report.html.parts import causes, packets, remarks, steps, text
from skoop.report.options import RenderOptions
from skoop.report.words import question


def render(result: ResultDoc, options: RenderOptions) -> str:
    """The page; nothing in `options` applies."""
    del options
    library, script = _asset("cytoscape.min.js"), _asset("app.js")
    picture = svg.document(result, with_dark_mode=False).encode()
    return Template(_asset("page.html")).substitute(
        policy=_policy(library, script),
        title=text(f"{result.verdict}: {question(result)}"),
        style=_asset("style.css"),
        verdict=text(result.verdict),
        question=text(question(result)),
        summary=text(result.summary),
        version=text(result.tool_version),
        picture=base64.b64encode(picture).decode(),
        causes=causes(result),
        steps=steps(result),
        packets=packets(result),
        remarks=remarks(result),
        data=graph_data(result),
        library=library,
        script=script,
    )


def _asset(name: str) -> str:
    return resources.files("skoop.report.html").joinpath(name).read_text("utf-8")


def _policy(*scripts: str) -> str:
    """Only these scripts may run, and nothing may be fetched: a name from the cluster that slipped
    through the escaping would still do nothing. The library makes style elements of its own."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'"
        for each in scripts
    )
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:"
