"""One Chromium for all browser tests."""

from shutil import which

import pytest
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="session")
def browser():
    program = which("chromium") or which("chromium-browser")
    assert program, "chromium is not installed; run: sudo apt-get install chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()
