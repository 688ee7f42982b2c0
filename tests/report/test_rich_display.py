"""What a notebook shows of findings, rules and reports: plain and rich, and hostile values are text in both."""

from datetime import timedelta
from html.parser import HTMLParser

import pytest

from analysis.findings import Coverage, Gap, ReportResult
from analysis.markup import Link, cell
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.report.connection import Look
from tests.report.handmade import END, HOSTILE, START, document, finding, hostile_document

RULE = Rule("alerting", "QueueLong", "queue > 50", 0, timedelta(minutes=5), labels={"severity": "high"})
BAD_RULE = Rule("alerting", HOSTILE, HOSTILE, 0, labels={HOSTILE: HOSTILE}, annotations={"summary": HOSTILE})
SHOWN = {"p", "b", "a", "table", "thead", "tbody", "tr", "th", "td", "time", "code"}


class Elements(HTMLParser):
    """Elements, their attributes, and the text between them."""

    def __init__(self, html):
        super().__init__()
        self.names, self.attributes, self.text = set(), [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    "shown",
    [
        hostile_document("threshold_drift"),
        hostile_document("threshold_drift").findings[0],
        ReportResult(hostile_document("threshold_drift")),
        BAD_RULE,
        RuleGroup(HOSTILE, HOSTILE, (BAD_RULE,)),
        Coverage(share=0.5, gaps=[Gap(start=START, end=END, scope=HOSTILE, reason=HOSTILE)]),
        Look([(HOSTILE, HOSTILE)]),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_hostile_values_are_text(shown):
    found = Elements(shown._repr_html_())
    assert found.names <= SHOWN
    assert {name for name, _ in found.attributes} <= {"scope", "style", "href", "target", "rel"}
    assert all(value.startswith("http://") for name, value in found.attributes if name == "href")
    assert HOSTILE in found.text


def test_only_a_web_address_is_a_link():
    assert cell(Link("javascript:alert(1)", "graph")) == "graph"
    assert "href='https://a.example/?a=1&amp;b=&#x27;'" in cell(Link("https://a.example/?a=1&b='", "graph"))


def test_a_configuration_keeps_its_lines_and_is_text_all_the_same():
    shown = Elements(cell(f"rules:\n  - regex: {HOSTILE}\n"))
    assert shown.names == {"pre"}
    assert shown.text == f"rules:\n  - regex: {HOSTILE}"


def test_a_finding_says_in_a_line_what_since_when_and_what_to_do():
    assert repr(finding()) == "high drifting: A rule drifts (since 2026-10-04T00:00:00Z); Look at it."
    rich = Elements(finding(labels={"job": "a"}, end=None)._repr_html_()).text
    for part in ("high: A rule drifts", "still going on", "joba", "alerts12", "Look at it."):
        assert part in rich


def test_a_report_is_its_findings_the_gravest_first():
    result = ReportResult(document(findings=[finding(severity="low", title="Small"), finding(title="Large")]))
    assert repr(result).splitlines() == [
        "threshold_drift: 2 findings, 100.0% of the window had data",
        "    high  Large",
        "     low  Small",
    ]
    rich = Elements(result._repr_html_()).text
    assert rich.index("Large") < rich.index("Small")


def test_of_many_findings_the_gravest_are_shown_and_the_rest_is_counted():
    found = [finding(identity=str(n), severity="high" if n == 60 else "low", title=f"t{n}.") for n in range(61)]
    shown = Elements(document("cardinality_growth", found)._repr_html_())
    assert shown.text.index("t60.") < shown.text.index("t0.")
    assert "36 more in findings.json" in shown.text
    assert sum(f"t{n}." in shown.text for n in range(61)) == 25


def test_a_rule_reads_as_its_file_has_it():
    assert repr(RULE) == "alerting rule QueueLong: queue > 50, for 5m"
    assert "for5m" in Elements(RULE._repr_html_()).text
    assert "QueueLongqueue > 505m" in Elements(RuleGroup("f.yml", "g", (RULE,))._repr_html_()).text


def test_coverage_says_its_share_and_its_gaps():
    gaps = [Gap(start=START, end=END, scope=f"job {n}", reason="no data") for n in range(30)]
    assert repr(Coverage(share=None)) == "coverage unknown"
    assert repr(Coverage(share=0.5, gaps=gaps)).splitlines()[:2] == [
        "50.0% of the window had data",
        "job 0: 2026-10-01T00:00:00Z to 2026-11-01T00:00:00Z, no data",
    ]
    rich = Elements(Coverage(share=0.5, gaps=gaps)._repr_html_()).text
    assert "the first 20 of 30 gaps" in rich
    assert "job 19" in rich
    assert "job 20" not in rich
