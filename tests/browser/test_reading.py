"""The page as people meet it: the first screen, the keyboard, paper."""

import re

import pytest

from analysis import __version__
from analysis.report.page import write_page
from analysis.report.review import write_summary
from analysis.settings.review import REPORTS, MonthlyReviewSettings
from tests.report.handmade import END, START, document, finding, put

TITLES = (
    "Credential stuffing (instance auth-1:8080, reason unknown_user): 3,477 failed logins where 496 are usual",
    "HighMemoryUsage moves towards its threshold: headroom shrank by 48%; at this pace it starts to fire on 2026-11-16",
    "http_requests_total grew by 30,000 series through its label endpoint, from 12,000 to 42,000 series",
)


@pytest.fixture(scope="module")
def page_of_month(tmp_path_factory):
    """A month with something new, worse, the same and resolved in every report."""
    outputs = tmp_path_factory.mktemp("outputs")
    settings = MonthlyReviewSettings(month="2026-10", outputs=str(outputs), reports=list(REPORTS))
    for name, known in (("2026-09", ("worse", "same", "gone")), ("2026-10", ("worse", "same", "new"))):
        for report in REPORTS:
            severity = "critical" if name == "2026-10" else "low"
            found = [
                finding(report, one, title=title, severity=severity if one == "worse" else "medium")
                for one, title in zip(known, TITLES, strict=True)
            ]
            put(outputs / name, document(report, found, share=0.97))
            (outputs / name / report / "parameters.yaml").write_text("history: 35d\n")
        write_summary(outputs / name, list(REPORTS))
    return write_page(outputs / "2026-10", settings)


def test_the_first_screen_holds_what_a_meeting_begins_with(browser, page_of_month):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(page_of_month.as_uri())
    below = page.evaluate(
        "[...document.querySelectorAll('.verdict, ol.top li, .grid .card')].map(e => e.getBoundingClientRect().bottom)"
    )
    assert len(below) == 1 + 3 + 1 + len(REPORTS)
    assert max(below) <= 900
    said = page.locator("ul.grid").inner_text()
    assert re.search(r"\d+ new, \d+ worse, \d+ the same, \d+ resolved", said)
    assert said.count("97% of the month covered") == len(REPORTS)
    assert page.locator("ol.top li").count() == 3
    page.close()


def test_the_keyboard_reaches_the_content_at_once(browser, page_of_month):
    page = browser.new_page()
    page.goto(page_of_month.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("#main$"), timeout=60_000)
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    page.close()


def test_on_paper_it_is_a4_and_nothing_is_folded_away(browser, page_of_month):
    page = browser.new_page()
    page.goto(page_of_month.as_uri())
    printed = page.pdf(prefer_css_page_size=True)
    boxes = {tuple(map(round, map(float, box.split()))) for box in re.findall(rb"/MediaBox \[([^\]]+)\]", printed)}
    assert boxes == {(0, 0, 595, 842)}
    page.emulate_media(media="print")
    query = page.locator("footer td code").first
    assert query.evaluate("e => e.getBoundingClientRect().height") > 0
    assert page.locator("a.skip").evaluate("e => getComputedStyle(e).display") == "none"
    page.close()


def test_the_foot_says_where_everything_comes_from(browser, page_of_month):
    page = browser.new_page()
    page.goto(page_of_month.as_uri())
    foot = page.locator("footer").text_content()
    assert f"{START:%a %d %b %Y %H:%M} – {END:%a %d %b %Y %H:%M}" in foot
    for said in ("http://127.0.0.1:9090 (prometheus 2.42.0)", "97% covered", "0 gaps", "1 query", "300 samples"):
        assert foot.count(said) == len(REPORTS)
    for said in ('up{job="a"}', "history = 35d", "took 1 s", f"promreview {__version__}"):
        assert said in foot
    page.close()
