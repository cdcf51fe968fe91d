"""The verdict as a JUnit test case, for CI systems that show those."""

from __future__ import annotations

from xml.etree import ElementTree

from skoop.report import text
from skoop.report.document import ResultDoc
from skoop.report.options import RenderOptions, clean
from skoop.report.words import question


def render(result: ResultDoc, options: RenderOptions) -> str:
    """One suite of one case: a failure when not reachable, an error when it cannot be told.
    `options.detail` applies to the report within; it is never coloured."""
    failed = result.verdict in ("unreachable", "partial")
    suite = ElementTree.Element(
        "testsuite",
        name="skoop", tests="1", failures=str(int(failed)),
        errors=str(int(result.verdict == "unknown")), skipped="0",
    )  # fmt: skip
    case = ElementTree.SubElement(
        suite, "testcase", classname="skoop.reachable", name=clean(question(result))
    )
    if result.verdict != "reachable":
        cause = result.suspicions[0].code if result.suspicions else result.verdict
        kind = "failure" if failed else "error"
        problem = ElementTree.SubElement(case, kind, message=clean(result.summary), type=cause)
        problem.text = text.render(result, RenderOptions(detail=options.detail))
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(
        suite, encoding="unicode"
    ) + "\n"  # fmt: skip
