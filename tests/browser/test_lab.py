"""JupyterLab in a real browser: a notebook is run by its menu, a threshold is dragged, and the number follows."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.prometheus.private_server import PrivatePrometheus
from tests.browser.lab import jupyter_lab

ROOT = Path(__file__).parents[2]
WAIT_MS = 120_000  # a busy machine starts a kernel in tens of seconds
expect.set_options(timeout=WAIT_MS)
START, DAYS = pd.Timestamp("2026-10-01T00:00:00Z"), 3  # of the window; there is as much before it
PEAKS = {20: 6, 40: 3, 60: 2, 80: 1}  # how many peaks a day have which height
RULES = "groups: [{name: g, interval: 1m, rules: [{alert: QueueLong, expr: queue > 50}]}]"
CONFIG = "rule_files: [rules.yml]"


def alerts_a_day(threshold):
    return sum(count for height, count in PEAKS.items() if height > threshold)


def queue():
    """A quiet queue with known peaks of ten minutes, an hour or more apart."""
    index = pd.date_range(START - DAYS * pd.Timedelta(days=1), periods=2 * DAYS * 1440, freq="1min", name="time")
    values = np.full(len(index), 5.0)
    heights = [height for height, count in PEAKS.items() for _ in range(count)]
    for day in range(2 * DAYS):
        for place, height in enumerate(heights):
            begin = day * 1440 + place * 110 + 30
            values[begin : begin + 10] = height
    columns = pd.MultiIndex.from_tuples([("app", "<b>a</b>")], names=["job", "instance"])
    return pd.DataFrame(values[:, None], index=index, columns=columns)


@pytest.fixture(scope="module")
def server():
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as started:
        backfill(started.url, {"queue": queue()})
        started.reload({"prometheus.yml": CONFIG, "rules.yml": RULES})
        yield started


@pytest.fixture(scope="module")
def lab(server, tmp_path_factory):
    """JupyterLab over copies of our notebooks whose parameters a person has filled in."""
    root = tmp_path_factory.mktemp("lab")
    for name in ("notebooks", "params"):
        shutil.copytree(ROOT / name, root / name)
    end = START + pd.Timedelta(days=DAYS)
    fill(root / "notebooks/threshold_drift.ipynb", start=START.isoformat(), end=end.isoformat())
    with jupyter_lab(root, server.url) as started:
        yield started


def fill(path, **values):
    text = path.read_text()
    for name, value in values.items():
        text, count = re.subn(rf'"{name} = \\"\\"', f'"{name} = {json.dumps(json.dumps(value))[1:-1]}', text)
        assert count == 1
    path.write_text(text)


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport={"width": 1400, "height": 1000})
    opened.set_default_timeout(WAIT_MS)
    yield opened
    opened.close()


def run_all(page, lab, name):
    """Open a notebook, and run it by its menu; gives its cells once the last one has its number."""
    page.goto(f"{lab.url}/lab/tree/notebooks/{name}.ipynb?token={lab.token}&reset")
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cells.first.click()
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")  # until then the menu has nothing to run on
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    expect(cells.last.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"))
    return cells


def drag(page, slider, share):
    """Drag the handle of a slider to a share of its length."""
    track, handle = (slider.locator(f".noUi-{part}").bounding_box() for part in ("base", "handle"))
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(track["x"] + share * track["width"], track["y"] + 2, steps=5)
    page.mouse.up()


def told(page):
    """The threshold that the slider shows, and the alerts per month that are told for it."""
    threshold = threshold_slider(page).locator(".widget-readout").text_content().removesuffix(" (today)")
    said = page.locator(".jp-OutputArea [role=status]")
    expect(said).to_contain_text(f"QueueLong at {threshold}: ")
    return float(threshold), float(re.search(r": ([\d.]+) alerts per month", said.text_content())[1])


def threshold_slider(page):
    return page.locator(".widget-inline-hbox", has_text="threshold")


def test_the_threshold_is_dragged_and_the_alerts_per_month_follow(page, lab):
    run_all(page, lab, "threshold_drift")
    threshold_slider(page).scroll_into_view_if_needed()
    seen = [told(page)]
    for share in (0, 1):
        drag(page, threshold_slider(page), share)
        seen.append(told(page))
    (today, now), (low, many), (high, few) = seen
    assert low < today == 50 < high
    assert many > now > few == 0
    for threshold, alerts in seen:
        assert alerts == pytest.approx(alerts_a_day(threshold) * 2 * DAYS * 30 / (31 + DAYS), abs=0.05)


def test_the_start_notebook_says_that_the_connection_works(page, lab):
    run_all(page, lab, "start")
    expect(page.locator(".jp-OutputArea", has_text="connected")).to_contain_text("prometheus")


def test_make_lab_starts_as_root_where_we_are_root():
    shown = subprocess.run(["make", "-n", "lab"], capture_output=True, text=True, check=True).stdout
    assert "notebooks/start.ipynb" in shown
    assert ("--allow-root" in shown) == (os.getuid() == 0)
