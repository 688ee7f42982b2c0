"""The page says what the files say, and nothing that the data does not support."""

import re
from pathlib import Path

import pytest

from analysis.drawing import describe, figure
from analysis.report.archive_page import spark, write_archive
from analysis.report.compare import compare, previous_folder
from analysis.report.fleet.page import write_environments
from analysis.report.page import PAGE_BYTES, write_page
from analysis.report.review import write_summary
from analysis.report.shown import shown_length, shown_share
from analysis.report.status import Status, write_status
from analysis.report.verdict import verdict
from analysis.settings.review import MonthlyReviewSettings
from tests.report.handmade import document, finding, put

REPORTS = ["login_anomalies", "cardinality_growth", "threshold_drift"]


def month(tmp_path, name="2026-10", **more):
    folder = tmp_path / name
    return folder, MonthlyReviewSettings(month=name, outputs=str(tmp_path), reports=REPORTS, **more)


def body(report, *findings):
    return document(report, findings).model_dump()


def test_standing_conditions_are_followed_by_their_ids():
    before = body("threshold_drift", finding(identity="same"), finding(identity="gone"), finding(identity="w"))
    now = body(
        "threshold_drift", finding(identity="same"), finding(identity="n"), finding(identity="w", severity="critical")
    )
    change = compare("threshold_drift", now, before)
    assert (change.new, change.worse, change.same, change.resolved) == (1, 1, 1, 1)
    back = compare("threshold_drift", before, now)
    assert (back.new, back.resolved, back.worse) == (1, 1, 0)


def test_login_events_are_counted_per_kind_and_never_resolved():
    before = body("login_anomalies", finding("login_anomalies", "1"))
    now = body("login_anomalies", finding("login_anomalies", "2"), finding("login_anomalies", "3"))
    change = compare("login_anomalies", now, before)
    assert change.resolved == 0
    assert change.kinds == (("drifting", 2, 1),)


def test_nothing_is_compared_where_a_month_is_missing():
    assert compare("threshold_drift", body("threshold_drift"), None) is None


@pytest.mark.parametrize(
    ("folder", "before"),
    [
        ("outputs/2026-10", "outputs/2026-09"),
        ("o/2026-01/prod", "o/2025-12/prod"),
        ("2024-01/o/2026-03", "2024-01/o/2026-02"),
    ],
)
def test_the_month_before_is_in_the_same_environment(folder, before):
    assert previous_folder(Path(folder)) == Path(before)


def test_a_failed_report_says_why_and_the_others_are_shown(tmp_path):
    folder, settings = month(tmp_path)
    put(folder, document("login_anomalies", [finding("login_anomalies", title="Somebody tried")]))
    put(folder, document("cardinality_growth"))
    write_status(folder / "threshold_drift", Status("threshold_drift", "failed", "no answer from the server"))
    html = write_page(folder, settings).read_text()
    assert "no answer from the server" in html
    assert "Somebody tried" in html
    assert "not judged: Threshold drift" in html


def test_a_sparse_month_is_not_judged_beyond_its_data(tmp_path):
    folder, settings = month(tmp_path)
    for name in REPORTS:
        put(folder, document(name, share=0.48))
    html = write_page(folder, settings).read_text()
    assert "48% of the month is covered" in html


def test_an_empty_folder_makes_a_page_that_judges_nothing(tmp_path):
    folder, settings = month(tmp_path)
    html = write_page(folder, settings).read_text()
    assert "Nothing could be judged" in html
    assert "Nothing needs a decision" not in html


def test_the_page_stays_under_its_size_and_links_what_does_not_fit(tmp_path):
    folder, settings = month(tmp_path, findings_shown=50)
    put(folder, document("threshold_drift", [finding(identity=str(i)) for i in range(400)]))
    figures = folder / "threshold_drift" / "figures"
    figures.mkdir()
    for place in range(4):
        (figures / f"f{place}.svg").write_text(f"<svg xmlns='http://www.w3.org/2000/svg'><!--{'x' * 900_000}--></svg>")
    page = write_page(folder, settings)
    assert page.stat().st_size < PAGE_BYTES
    assert "threshold_drift/figures/f3.svg" in page.read_text()
    assert "350 of them only in" in page.read_text()


def test_a_figure_keeps_its_alternative_text(tmp_path):
    folder, settings = month(tmp_path)
    made, axes = figure("Logins rose")
    axes[0].plot([1, 2], [1, 2])
    put(folder, document("threshold_drift"), {"logins": describe(made, 'Logins rose from 1 to 2 "per hour" & fell')})
    html = write_page(folder, settings).read_text()
    assert 'alt="Logins rose from 1 to 2 &#34;per hour&#34; &amp; fell"' in html


def test_a_finding_says_who_looks_after_it_and_what_its_numbers_mean(tmp_path):
    folder, settings = month(tmp_path, owners={"threshold_drift": "on call"})
    evidence = {"firing_minutes": 1440.0, "reached_at": "2026-11-16T18:07:25.589Z", "why": "because " * 9, "none": None}
    findings = [
        finding(evidence=evidence, action="Lengthen `for` or <b>stop</b>.", labels={"file": "/tmp/secret-place/a.yml"}),
        finding(identity="b", evidence={"owner": "payments"}),
        finding(identity="c", labels={"team": "search"}),
    ]
    put(folder, document("threshold_drift", findings))
    html = write_page(folder, settings).read_text()
    for shown in ("on call", "payments", "search"):
        assert html.count(f"Owner: {shown}") == 1
    assert "<dt>firing</dt><dd>1 d</dd>" in html
    assert "Mon 16 Nov 2026 18:07" in html
    assert "Lengthen <code>for</code> or &lt;b&gt;stop&lt;/b&gt;." in html
    assert "file=a.yml" in html


def test_numbers_of_the_method_are_folded_and_ranges_are_one_number(tmp_path):
    folder, settings = month(tmp_path)
    evidence = {"alerts_per_month": 9.5, "alerts_low": 2, "alerts_high": 31, "p_value": 0.01, "free_low": 3}
    labels = {"country": "BR", "job": "auth"}
    put(folder, document("threshold_drift", [finding(title="Rise in BR", evidence=evidence, labels=labels)]))
    html = write_page(folder, settings).read_text()
    assert "<dt>alerts per month</dt><dd>9.5 (2 to 31)</dd>" in html
    assert "<dt>free low</dt><dd>3</dd>" in html
    assert html.index("How it was judged") < html.index("<dt>p value</dt>")
    assert "job=auth" in html
    assert "country=BR" not in html  # the title says so


def test_a_month_with_gaps_is_never_called_wholly_covered():
    assert [shown_share(s) for s in (1.0, 0.99996, 0.5, 0.0, 1e-9, None)] == [
        "100%",
        "over 99.9%",
        "50%",
        "0%",
        "under 0.1%",
        "unknown",
    ]
    assert [shown_length(s) for s in (0, 0.25, 240, 5_400, 20_687 * 60)] == [
        "0 s",
        "0.25 s",
        "4 min",
        "1 h 30 min",
        "14 d 8 h",
    ]


def test_what_shows_everything_comes_before_what_shows_one_thing(tmp_path):
    folder, settings = month(tmp_path)
    drawn = {name: figure(name)[0] for name in ("event-01", "event-02", "month")}
    put(folder, document("threshold_drift"), {name: describe(made, name) for name, made in drawn.items()})
    html = write_page(folder, settings).read_text()
    assert html.index('alt="month"') < html.index('alt="event-01"') < html.index('alt="event-02"')


def reviewed(folder, settings, alarms, series, alerts):
    """A month with so many login alarms, series and alerts of two rules, one of which could not be replayed."""
    found = [finding("login_anomalies", str(n)) for n in range(alarms)]
    rules = [{"held_out": {"alerts_current": alerts}}, {"held_out": None}]
    put(folder, document("login_anomalies", found))
    put(folder, document("cardinality_growth", series={"start": 1, "end": series}))
    put(folder, document("threshold_drift", share=0.5, recommendations=rules))
    write_summary(folder, REPORTS)
    write_page(folder, settings)
    write_environments(folder, settings)


def test_the_archive_draws_trends_from_the_findings_alone(tmp_path):
    for name, *numbers in (("2026-07", 1, 1000, 31), ("2026-08", 2, 1500, 62), ("2026-10", 4, 3000, 31)):
        reviewed(*month(tmp_path, name), *numbers)
    html = write_archive(tmp_path, "Review").read_text()
    assert "Login alarms: from 1 to 4, between 1 and 4" in html
    assert "Series at the month&#39;s end: from 1,000 to 3,000" in html
    assert "Alerts per week: from 7 to 7, between 7 and 14" in html  # every window of these is one of 31 days
    assert html.count("<polyline") == 3  # of July and August: what September was nobody knows
    assert html.count("<circle") == 9


def test_a_page_stands_above_those_of_the_environments(tmp_path):
    folder, settings = month(tmp_path)
    for name, alarms in (("eu", 0), ("us", 3)):
        reviewed(folder / name, settings, alarms, 10, 1)
    above = folder / "index.html"
    html = above.read_text()
    assert "October 2026: 2 environments" in html
    assert html.index("us/index.html") < html.index("eu/index.html")  # the worst first
    assert "All 3 alarms need a decision" in html
    assert "no earlier month" in html
    assert 'href="../index.html">all environments' in (folder / "us/index.html").read_text()
    assert "2026-10/index.html" in write_archive(tmp_path, "Review").read_text()
    reviewed(folder, settings, 1, 10, 1)
    write_environments(folder / "eu", settings)
    assert "2 environments" in (folder / "environments.html").read_text()
    assert "2 environments" not in above.read_text()


def test_an_environment_without_a_review_is_not_passed_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = tmp_path / "params/environments"
    known.mkdir(parents=True)
    for name in ("eu", "dead"):
        (known / f"{name}.yaml").write_text("url: http://127.0.0.1:1\n")
    folder, settings = month(tmp_path)
    reviewed(folder / "eu", settings, 0, 10, 1)
    html = (folder / "index.html").read_text()
    assert "October 2026: 2 environments" in html
    assert re.search(r"<h3>dead</h3>\s*<p>Not reviewed", html)


@pytest.mark.parametrize(
    ("alarms", "said"),
    [
        (["high"], "One alarm, and it needs a decision: about alert rules."),
        (["high", "low"], "1 of 2 alarms needs a decision: about alert rules."),
        (["high", "critical", "low"], "2 of 3 alarms need a decision: about alert rules."),
        (["high", "high"], "All 2 alarms need a decision: about alert rules."),
        (["low"], "Nothing is urgent; one smaller alarm to look at: about alert rules."),
        ([], "Nothing needs a decision."),
    ],
)
def test_the_verdict_is_a_sentence(alarms, said):
    report = {"title": "A", "state": "done", "share": 1.0}
    found = [{"severity": severity, "report": "threshold_drift"} for severity in alarms]
    assert verdict([report], found) == said


def test_the_verdict_says_what_the_alarms_are_about_and_which_report_had_no_data():
    reports = [{"title": t, "state": "done", "share": share} for t, share in (("Login", 0.0), ("Rules", 1.0))]
    alarms = [{"severity": "high", "report": name} for name in ("a_team", "threshold_drift", "threshold_drift")]
    said = verdict(reports, alarms)
    assert said == "All 3 alarms need a decision: 2 about alert rules, 1 about a team; Login had no data."


def test_a_month_without_data_is_not_called_quiet():
    said = verdict([{"title": "Login", "state": "done", "share": 0.0}], [])
    assert said == "Nothing could be judged: no data of this month is held."


def test_the_verdict_counts_what_the_page_leaves_out_and_nothing_muted(tmp_path):
    folder, settings = month(tmp_path, findings_shown=2)
    put(folder, document("threshold_drift", [finding(identity=str(i)) for i in range(7)]))
    assert "All 7 alarms need a decision" in write_page(folder, settings).read_text()


def test_the_archive_lists_every_month_and_never_draws_a_missing_one_as_zero(tmp_path):
    for name in ("2026-08", "2026-09", "2026-10"):
        folder, settings = month(tmp_path, name)
        (folder / "findings.json").parent.mkdir(parents=True, exist_ok=True)
        (folder / "findings.json").write_text('{"schema_version": 1, "report": "monthly_review", "reports": []}')
        write_page(folder, settings)
    html = write_archive(tmp_path, "Review").read_text()
    assert html.index("October 2026") < html.index("August 2026")
    line = spark("Series", [10.0, None, 30.0, 40.0])
    assert (len(line["lines"]), len(line["points"])) == (1, 3)
    assert spark("Series", [None, 3.0]) is None
