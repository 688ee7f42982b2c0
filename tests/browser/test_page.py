"""The real page in a real browser: hostile values, accessibility, phone width, no network."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from analysis.drawing import describe, figure, plain
from analysis.report.archive_page import write_archive
from analysis.report.fleet.page import write_environments
from analysis.report.notebook_html import notebook_html
from analysis.report.page import write_page
from analysis.report.review import write_summary
from analysis.settings.review import MonthlyReviewSettings
from tests.report.handmade import HOSTILE, hostile_document, notebook, put

REPORTS = ["login_anomalies", "cardinality_growth", "threshold_drift"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Two months of hostile findings; the page, the archive, a notebook."""
    outputs = tmp_path_factory.mktemp("outputs")
    made, axes = figure(HOSTILE)
    axes[0].plot([1, 2], [1, 2], label=plain(HOSTILE))
    axes[0].legend()
    for name in ("2026-09", "2026-10"):
        settings = MonthlyReviewSettings(month=name, outputs=str(outputs), reports=REPORTS, title=HOSTILE)
        for report in REPORTS:
            put(outputs / name, hostile_document(report), {"picture": describe(made, HOSTILE)})
        write_summary(outputs / name, REPORTS)
        page = write_page(outputs / name, settings)
    for report in REPORTS:
        put(outputs / "2026-10" / "eu", hostile_document(report))
    write_summary(outputs / "2026-10" / "eu", REPORTS)
    write_page(outputs / "2026-10" / "eu", settings)
    above = write_environments(outputs / "2026-10" / "eu", settings)
    path = notebook(outputs / "n.ipynb", HOSTILE)
    html = outputs / "n.html"
    html.write_text(notebook_html(path))
    return {"page": page, "archive": write_archive(outputs, HOSTILE), "notebook": html, "environments": above}


@pytest.mark.parametrize("name", ["page", "archive", "environments", "notebook"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_a_page_is_safe_and_readable_for_everyone(browser, pages, name, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(pages[name].as_uri())
    assert page.title() != "owned"
    assert page.locator("script").count() == 0
    assert page.locator("[onerror], [onload], a[href^='javascript' i]").count() == 0
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    page.close()


def test_the_policy_lets_no_planted_script_run(browser, pages, tmp_path):
    planted = pages["page"].read_text().replace("</main>", "<script>document.title='owned'</script></main>")
    (tmp_path / "planted.html").write_text(planted)
    page = browser.new_page()
    page.goto((tmp_path / "planted.html").as_uri())
    assert page.locator("script").count() == 1
    assert page.title() != "owned"
    page.close()


def test_hostile_text_is_shown_as_text(browser, pages):
    page = browser.new_page()
    page.goto(pages["page"].as_uri())
    assert page.get_by_text("document.title='owned'").count() > 3
    assert page.locator("img").evaluate_all("all => all.every(i => i.complete && i.naturalWidth > 0)")
    page.close()
