"""Every form of a report over every demo: `UPDATE_GOLDEN=1 pytest tests/demo/test_forms.py`.

What a person reads is kept as it is. The long forms (JSON, the HTML page) are kept as digests:
their parts are in the others.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from skoop.demo import demos
from skoop.report import FORMATS, render
from skoop.report.document import ResultDoc
from skoop.report.options import Detail, RenderOptions
from tests.demo.conftest import GOLDEN
from tests.demo.telling import told

DIGESTS = GOLDEN / "digests.json"
LONG = ("json", "html")
READ = tuple(name for name in FORMATS if name not in (*LONG, "png"))
OPTIONS = RenderOptions(detail=Detail.VERBOSE)


@pytest.fixture(scope="module")
def results() -> dict[str, ResultDoc]:
    return {demo.name: told(demo) for demo in demos()}


@pytest.mark.parametrize("form", READ)
@pytest.mark.parametrize("name", [one.name for one in demos()])
def test_what_a_person_reads(name: str, form: str, results: dict[str, ResultDoc]) -> None:
    text = str(render(form, results[name], OPTIONS))
    file = GOLDEN / "forms" / f"{name}{FORMATS[form][1]}"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_the_long_forms(results: dict[str, ResultDoc]) -> None:
    made = {
        f"{name}{FORMATS[form][1]}": hashlib.sha256(
            str(render(form, result, OPTIONS)).encode()
        ).hexdigest()
        for name, result in results.items()
        for form in LONG
    }
    if os.environ.get("UPDATE_GOLDEN"):
        DIGESTS.write_text(json.dumps(made, indent=1) + "\n")
    assert made == json.loads(DIGESTS.read_text())


def test_no_golden_file_is_left_over() -> None:
    files = {path.name for path in Path(GOLDEN / "forms").iterdir()}
    assert files == {f"{one.name}{FORMATS[form][1]}" for one in demos() for form in READ}
