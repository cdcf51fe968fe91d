"""Take the pictures of the README anew: `python docs/screenshots.py`.

The terminal's is drawn from what `skoop demo` prints. The page's needs Chromium with its driver.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

IMAGES = Path(__file__).parent / "img"
DEMO = "fdb-missing"
WIDTH = 96
SIZE = (1280, 980)
"""Of the page, in px."""


def terminal() -> str:
    """What the demo prints, as an SVG with colours; its font is the reader's own."""
    environment = {**os.environ, "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    program = (
        "import sys; sys.stdout.isatty = lambda: True; from skoop.cli.main import main;"
        f"main(['demo', {DEMO!r}])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    console.print(Text("$ ", style="green") + Text(f"skoop demo {DEMO}", style="bold"))
    console.print(Text.from_ansi(printed))
    image = console.export_svg(title="skoop", theme=MONOKAI, unique_id="skoop")
    return re.sub(r"@font-face \{.*?\}\s*", "", image, flags=re.DOTALL)


def page(image: Path) -> None:
    """The HTML report of the same demo."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.html"
        command = [sys.executable, "-m", "skoop", "demo", DEMO, "-o", "html", "--output-file"]
        subprocess.run([*command, str(report)], check=False)
        metrics = {"width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.get(report.as_uri())
        driver.find_element("css selector", "#places button.broken").click()
        driver.save_screenshot(str(image))
    driver.quit()


def main() -> None:
    """Write both."""
    IMAGES.mkdir(exist_ok=True)
    (IMAGES / "terminal.svg").write_text(terminal(), encoding="utf-8")
    if shutil.which("chromium") and shutil.which("chromedriver"):
        page(IMAGES / "report.png")


if __name__ == "__main__":
    main()
