"""The HTML report in a real browser, from a file, without a network."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from skoop.demo import demos
from skoop.report import render
from skoop.report.document import ResultDoc
from skoop.report.options import RenderOptions

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium with its driver"),
]
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
DRAWN_WITHIN, POLL = 10, 0.02
"""Seconds. The first frame comes some time after the page is loaded."""
MARKUP = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    yield driver
    driver.quit()


Opens = Callable[..., None]


@pytest.fixture
def opens(browser: WebDriver, tmp_path: Path) -> Opens:
    def open_page(result: ResultDoc, width: int = 1280) -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        page = tmp_path / "report.html"
        page.write_text(str(render("html", result, RenderOptions())), encoding="utf-8")
        browser.get_log("browser")
        browser.get(page.as_uri())

    return open_page


def complaints(browser: WebDriver) -> list[dict[str, Any]]:
    """But for the one about `drawn_colours`, which reads a canvas until something is on it."""
    return [
        one
        for one in browser.get_log("browser")
        if one["level"] in ("WARNING", "SEVERE") and "willReadFrequently" not in one["message"]
    ]


def drawn_colours(browser: WebDriver) -> int:
    """How many colours the graph's canvases show; 1 is an empty one."""
    return browser.execute_script(
        """const seen = new Set();
        for (const canvas of document.querySelectorAll("#graph canvas")) {
            const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            for (let at = 0; at < pixels.data.length; at += 4 * 97)
                seen.add(pixels.data.slice(at, at + 3).join());
        }
        return seen.size;"""
    )


def click_graph(browser: WebDriver, selector: str) -> None:
    """A click on the canvas, where the first element of this kind is drawn."""
    at = browser.execute_script(
        """const cy = document.getElementById("graph")._cyreg.cy;
        const one = cy.elements(arguments[0])[0];
        const at = one.isNode() ? one.renderedPosition() : one.renderedMidpoint();
        const box = document.getElementById("graph").getBoundingClientRect();
        return [at.x - box.width / 2, at.y - box.height / 2];""",
        selector,
    )
    graph = browser.find_element(By.ID, "graph")
    ActionChains(browser).move_to_element_with_offset(graph, *map(round, at)).click().perform()


def chosen(browser: WebDriver) -> str:
    return browser.find_element(By.ID, "chosen").text


@pytest.mark.parametrize("name", ["partial", "reachable", "many", "hostile"])
def test_the_graph_is_drawn_without_complaint(name: str, browser, opens, examples) -> None:
    opens(examples[name])
    WebDriverWait(browser, DRAWN_WITHIN, POLL).until(lambda _: drawn_colours(browser) > 3)
    assert complaints(browser) == []


@pytest.mark.parametrize("demo", demos(), ids=lambda one: one.name)
@pytest.mark.parametrize("width", [1280, 400])
def test_demos_fit_every_screen(demo, width: int, browser, opens, demo_results) -> None:
    opens(demo_results[demo.name], width)
    page = "return document.documentElement."
    assert browser.execute_script(page + "scrollWidth") <= width
    WebDriverWait(browser, DRAWN_WITHIN, POLL).until(lambda _: drawn_colours(browser) > 3)
    assert complaints(browser) == []


def test_a_place_shows_what_happened_there(browser, opens, examples) -> None:
    opens(examples["partial"])
    click_graph(browser, "node[?blamed]")
    assert "node k1" in chosen(browser)
    assert "no FDB entry for 0a:58:0a:f4:01:00" in chosen(browser)
    step = browser.find_element(By.CSS_SELECTOR, "#chosen .step details summary")
    step.click()
    assert step.find_element(By.XPATH, "..//pre").is_displayed()


def test_a_stop_tells_what_happened_before_it(browser, opens, examples) -> None:
    opens(examples["partial"])
    click_graph(browser, "node[kind='stop']")
    assert "no FDB entry for 0a:58:0a:f4:01:00" in chosen(browser)


def test_a_line_shows_its_packet(browser, opens, examples) -> None:
    opens(examples["partial"])
    click_graph(browser, "edge[!back]")
    assert "10.96.0.20 port 80" in chosen(browser)


def test_choosing_a_way_hides_the_others(browser, opens, examples) -> None:
    opens(examples["partial"])
    Select(browser.find_element(By.ID, "lane")).select_by_visible_text("50% timeout")
    lanes = browser.find_elements(By.CSS_SELECTOR, "#steps .lane")
    assert [lane.is_displayed() for lane in lanes] == [True, False]
    aside = "return document.getElementById('graph')._cyreg.cy.nodes('.aside').length"
    assert browser.execute_script(aside) == 1
    Select(browser.find_element(By.ID, "lane")).select_by_index(0)
    browser.find_element(By.CSS_SELECTOR, "input[value=return]").click()
    legs = browser.find_elements(By.CSS_SELECTOR, "#steps .leg")
    assert {leg.get_attribute("data-way") for leg in legs if leg.is_displayed()} == {"return"}


def test_the_keyboard_is_enough(browser, opens, examples) -> None:
    opens(examples["partial"])
    first = browser.find_element(By.CSS_SELECTOR, "#places button")
    first.send_keys(Keys.ENTER)
    assert "web-7c9f8-x2x4p" in chosen(browser)
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert "node k1" in chosen(browser)
    pressed = browser.find_elements(By.CSS_SELECTOR, "#places [aria-pressed=true]")
    assert [one.text for one in pressed] == ["node k1 192.168.7.11"]


def test_a_cause_leads_to_its_place(browser, opens, examples) -> None:
    opens(examples["partial"])
    browser.find_element(By.CSS_SELECTOR, "[data-goto=k1]").click()
    assert "node k1" in chosen(browser)


def test_what_is_no_device_is_shown_where_it_stopped_a_packet(browser, opens, demo_results) -> None:
    """A security group is no place of the path; the interface that has it is."""
    opens(demo_results["aliyun-group"])
    browser.find_element(By.CSS_SELECTOR, "[data-goto$=sg-new]").click()
    assert "cloud network interface eni-i-k3" in chosen(browser)


def test_a_wide_drawing_fills_its_frame(browser, opens, demo_results) -> None:
    opens(demo_results["aliyun-route"], 900)
    beyond, empty = browser.execute_script(
        """const cy = document.getElementById("graph")._cyreg.cy;
        const box = cy.elements().renderedBoundingBox();
        return [box.x2 - cy.width(), box.x1];"""
    )
    assert beyond <= 0 or empty <= 21


def test_markup_in_names_does_not_run(browser, opens, examples) -> None:
    result = examples["partial"]
    nodes = tuple(replace(one, name=MARKUP, ip=MARKUP) for one in result.path.nodes)
    causes = tuple(
        replace(one, message=MARKUP, fix=MARKUP, why=MARKUP) for one in result.suspicions
    )
    opens(
        replace(result, summary=MARKUP, suspicions=causes, path=replace(result.path, nodes=nodes))
    )
    click_graph(browser, "node")
    assert "run" not in browser.title
    assert MARKUP in chosen(browser)
    assert browser.find_elements(By.CSS_SELECTOR, "img[src=x]") == []
    assert complaints(browser) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["partial", "many"])
def test_accessibility(name: str, theme: str, browser, opens, examples) -> None:
    feature = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})
    opens(examples[name])
    click_graph(browser, "node")
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    browser.execute_script(axe)
    found = browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_it_prints_the_picture_and_all_evidence(browser, opens, examples) -> None:
    opens(examples["partial"])
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert browser.find_element(By.ID, "picture").is_displayed()
    assert not browser.find_element(By.ID, "graph").is_displayed()
    evidence = browser.find_elements(By.CSS_SELECTOR, "#causes pre")
    assert evidence and all(one.is_displayed() for one in evidence)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
