"""Environments name their credentials, and nothing of another server leaks into them."""

import os

import pytest

from analysis.errors import ParameterError
from analysis.settings import ConnectionSettings
from analysis.settings.environments import environments, use_environment


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("PROMETHEUS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    (tmp_path / "eu.yaml").write_text("url: https://eu.example.com\nusername: ann\npassword_variable: EU_PASSWORD\n")
    (tmp_path / "us.yaml").write_text("url: https://us.example.com\n")
    return tmp_path


def test_the_server_and_its_credentials_come_from_the_file_and_its_variables(folder):
    os.environ["EU_PASSWORD"] = "hunter2"
    use_environment("eu", folder)
    settings = ConnectionSettings()
    assert (settings.url.get_secret_value(), settings.environment) == ("https://eu.example.com", "eu")
    assert (settings.username, settings.password.get_secret_value()) == ("ann", "hunter2")


def test_credentials_of_one_server_never_reach_another(folder):
    os.environ.update({"PROMETHEUS_BEARER_TOKEN": "t0ken", "PROMETHEUS_PASSWORD_FILE": "/nowhere"})
    use_environment("us", folder)
    settings = ConnectionSettings()
    assert (settings.bearer_token, settings.password, settings.username) == (None, None, None)


def test_a_secret_may_lie_in_a_file(folder, tmp_path):
    (tmp_path / "secret").write_text("from-a-file\n")
    os.environ["EU_PASSWORD_FILE"] = str(tmp_path / "secret")
    use_environment("eu", folder)
    assert ConnectionSettings().password.get_secret_value() == "from-a-file"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("xx", None, "there are: eu, us"),
        ("eu", None, "EU_PASSWORD"),
        ("bad", "url: https://x\npasword: y\n", "pasword"),
        ("bad", "url: https://ann:hunter2@x\n", "credentials"),
        ("bad", "username: x\n", "url"),
    ],
)
def test_what_is_wrong_is_said(folder, name, text, words):
    if text:
        (folder / "bad.yaml").write_text(text)
    with pytest.raises(ParameterError, match=words) as raised:
        use_environment(name, folder)
    assert "hunter2" not in str(raised.value)


def test_a_name_cannot_leave_the_folder(folder):
    with pytest.raises(ParameterError, match="no environment"):
        use_environment("../eu", folder)
    assert environments(folder) == ["eu", "us"]
