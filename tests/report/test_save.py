"""Files are whole or not there, and hold no secret."""

import json

import pytest

from analysis.findings import FindingsDocument, ReportResult
from analysis.report import save
from analysis.report.files import write_whole
from analysis.report.notebook_html import sanitised
from analysis.report.secrets import known_secrets, strike
from tests.report.handmade import HOSTILE, document, finding, hostile_document


def test_nothing_is_written_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(ReportResult(document()), {}, "")
    assert not list(tmp_path.iterdir())


def test_a_saved_document_reads_back(tmp_path):
    save(ReportResult(document(findings=[finding(score=float("nan"))])), {}, tmp_path)
    read = FindingsDocument.read(tmp_path / "findings.json")
    assert read.findings[0].title == "A rule drifts"
    assert read.findings[0].score is None


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path):
    write_whole(tmp_path / "a.txt", "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "a.txt", "\ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_every_secret_of_the_environment_is_known(tmp_path):
    (tmp_path / "token").write_text("token-in-a-file\n")
    environment = {
        "PROMETHEUS_URL": "http://user:pass%40word@host:9090",
        "PROMETHEUS_BEARER_TOKEN_FILE": str(tmp_path / "token"),
        "PROMETHEUS_HEADERS": json.dumps({"Authorization": "Basic c2VjcmV0cw=="}),
        "PROMREVIEW_NOTIFY_URLS": "mailto://me:mailpassword@example.org slack://T123/B456/c789",
        "PATH": "/usr/bin/password",
    }
    secrets = known_secrets(environment)
    text = strike(
        "pass@word pass%40word token-in-a-file c2VjcmV0cw== mailpassword slack://T123/B456/c789 /usr/bin", secrets
    )
    assert text.replace("[secret]", "").split() == ["/usr/bin"]


def test_what_is_written_has_its_secrets_struck(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_PASSWORD", 'pla"nted-é')
    write_whole(tmp_path / "a.json", json.dumps({"said": 'bad password pla"nted-é'}))
    assert json.loads((tmp_path / "a.json").read_text()) == {"said": "bad password [secret]"}


@pytest.mark.parametrize(
    "html",
    [
        HOSTILE,
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "<img src='https://tracker.example/pixel.png'>",
        "<table><tr><td style='background:url(//a)'>x</td></tr></table><iframe src=//a></iframe>",
    ],
)
def test_html_of_a_notebook_is_sanitised(html):
    clean = str(sanitised(html)).lower()
    for active in ("<script", "onerror", "onload", "javascript:", 'href="data', "tracker.example", "style=", "<iframe"):
        assert active not in clean


def test_a_result_shows_itself_escaped():
    result = ReportResult(hostile_document("login_anomalies"))
    assert "<script" not in result._repr_html_()
    assert "&lt;script" in result._repr_html_()
    assert "1 finding," in repr(result)
