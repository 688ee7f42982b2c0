"""Which program is started, and what is said where there is none."""

from pathlib import Path

import pytest

from analysis.errors import MissingProgramError
from analysis.prometheus.programs import find_program


def program(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_program_on_the_path_is_found_under_either_name(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PROMREVIEW_PROMETHEUS", raising=False)
    upstream = program(tmp_path, "node_exporter")
    assert find_program("prometheus-node-exporter") == str(upstream)
    debian = program(tmp_path, "prometheus-node-exporter")
    assert find_program("prometheus-node-exporter") == str(debian)


def test_a_chosen_prometheus_wins_and_brings_its_promtool(tmp_path, monkeypatch):
    chosen, tool = program(tmp_path, "prometheus"), program(tmp_path, "promtool")
    monkeypatch.setenv("PROMREVIEW_PROMETHEUS", str(chosen))
    assert [find_program("prometheus"), find_program("promtool")] == [str(chosen), str(tool)]


def test_a_chosen_prometheus_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMREVIEW_PROMETHEUS", str(tmp_path / "nothing"))
    with pytest.raises(MissingProgramError, match="PROMREVIEW_PROMETHEUS"):
        find_program("prometheus")


def test_a_missing_program_is_named_with_its_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgramError, match="apt-get install victoria-metrics"):
        find_program("vmalert")
