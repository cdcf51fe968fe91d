"""The HTML report of a Service with 200 backends on 100 nodes: its size, and how soon it is drawn.

    python bench/html_report.py

Limits: 3 MB, 2 s from opening the file to the drawn graph, in headless Chromium without a network.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from msgspec.structs import replace

from skoop.report import render
from skoop.report.document import OutcomeDoc, PathLinkDoc, PathNodeDoc, ResultDoc, TraceDoc
from skoop.report.json import read
from skoop.report.options import RenderOptions

BACKENDS, NODES = 200, 100
MOST_BYTES, MOST_SECONDS = 3_000_000, 2.0
ROOT = Path(__file__).parents[1]


def wide(small: ResultDoc) -> ResultDoc:
    """Every third backend of a Service times out; each is a copy of a way of a small result."""
    good = [one for one in small.traces if one.branch == 1]
    bad = [one for one in small.traces if one.branch == 0]
    traces: list[TraceDoc] = []
    outcomes: list[OutcomeDoc] = []
    nodes: dict[str, PathNodeDoc] = {}
    links: list[PathLinkDoc] = []
    for number in range(BACKENDS):
        names = {"node/k1": f"node/k{number % NODES}", "pod/shop/api-1": f"pod/shop/api-{number}"}
        for one in bad if number % 3 == 0 else good:
            hops = tuple(replace(hop, node=names.get(hop.node, hop.node)) for hop in one.hops)
            traces.append(replace(one, hops=hops, branch=number, weight=1 / BACKENDS))
        result = "timeout" if number % 3 == 0 else "ok"
        outcomes.append(OutcomeDoc(1 / BACKENDS, result, None, "", (number,)))
        for node in small.path.nodes:
            key = names.get(node.id, node.id)
            nodes[key] = replace(node, id=key, name=key.rpartition("/")[2])
        links += [
            replace(one, source=names.get(one.source, one.source),
                    target=names.get(one.target, one.target))
            for one in small.path.links
        ]  # fmt: skip
    path = replace(small.path, nodes=tuple(nodes.values()), links=tuple(links))
    return replace(small, traces=tuple(traces), outcomes=tuple(outcomes), path=path)


def seconds_to_draw(page: Path) -> float:
    """From asking for the file until the graph's canvas is there and painted."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.get("about:blank")
    begin = time.perf_counter()
    driver.get(page.as_uri())
    driver.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
    )
    assert driver.find_elements("css selector", "#graph canvas")
    spent = time.perf_counter() - begin
    driver.quit()
    return spent


def main() -> int:
    small = read((ROOT / "tests/report/golden/partial.json").read_bytes(), "partial.json")
    result = wide(small)
    begin = time.perf_counter()
    page = str(render("html", result, RenderOptions()))
    made = time.perf_counter() - begin
    places = len(result.path.nodes)
    print(f"{places} places: {len(page):,} bytes (limit {MOST_BYTES:,}), made in {made:.2f} s")
    is_good = len(page) < MOST_BYTES
    if shutil.which("chromium") and shutil.which("chromedriver"):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "report.html"
            file.write_text(page, encoding="utf-8")
            spent = seconds_to_draw(file)
        print(f"drawn in {spent:.2f} s (limit {MOST_SECONDS})")
        is_good = is_good and spent < MOST_SECONDS
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
