"""A month of three small reports, and the settings that name them."""

import pytest

from analysis.settings.review import MonthlyReviewSettings
from tests.report.handmade import finding, notebook, saving


@pytest.fixture
def settings(tmp_path):
    return MonthlyReviewSettings(month="2026-10", outputs=str(tmp_path / "outputs"), reports=["first", "second"])


@pytest.fixture
def notebooks(tmp_path):
    folder = tmp_path / "notebooks"
    notebook(folder / "first.ipynb", saving("first", finding("first")))
    notebook(folder / "second.ipynb", saving("second", finding("second", severity="low")))
    return folder
