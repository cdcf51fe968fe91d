"""Mermaid and D2 read by the programs they are written for, where `check` could fetch those."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.remote.webdriver import WebDriver

from skoop.report import render
from skoop.report.document import ResultDoc
from skoop.report.graph import drawing
from skoop.report.options import RenderOptions

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / ".peers"
MERMAID = PEERS / "mermaid" / "dist" / "mermaid.min.js"
D2 = PEERS / "d2" / "dist" / "node-esm" / "index.js"
CHROMIUM, DRIVER, NODE = (shutil.which(one) for one in ("chromium", "chromedriver", "node"))
NAMES = ["partial", "reachable", "many", "hostile"]


@pytest.fixture(scope="module")
def results(demo_results: dict[str, ResultDoc]) -> dict[str, ResultDoc]:
    from tests.report.conftest import EXAMPLES

    return {**{name: EXAMPLES[name] for name in NAMES}, **demo_results}


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(flag)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.mark.browser
@pytest.mark.skipif(not (CHROMIUM and DRIVER and MERMAID.is_file()), reason="no Mermaid here")
def test_mermaid_draws_them(results: dict[str, ResultDoc], browser: WebDriver, tmp_path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<script>{MERMAID.read_text(encoding='utf-8')}</script><div id=out></div>")
    browser.get(page.as_uri())
    for name, result in results.items():
        text = render("mermaid", result, RenderOptions())
        drawn = browser.execute_async_script(
            """const [text, done] = arguments;
            mermaid.initialize({ startOnLoad: false });
            mermaid.render("graph", text).then(
                ({ svg }) => {
                    document.getElementById("out").innerHTML = svg;
                    done(document.querySelectorAll("#out g.node").length);
                },
                (error) => done(String(error)));""",
            text,
        )
        assert drawn == len(drawing(result).nodes), (name, drawn)


@pytest.mark.skipif(not (NODE and D2.is_file()), reason="no D2 here")
def test_d2_compiles_them(results: dict[str, ResultDoc], tmp_path: Path) -> None:
    expected = {}
    for name, result in results.items():
        file = tmp_path / f"{name}.d2"
        file.write_text(str(render("d2", result, RenderOptions())), encoding="utf-8")
        drawn = drawing(result)
        expected[str(file)] = [len(drawn.nodes) + 1, len(drawn.edges)]  # the title is a shape
    command = [str(NODE), str(HERE / "d2_compile.mjs"), str(D2), *expected]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert json.loads(done.stdout) == expected
