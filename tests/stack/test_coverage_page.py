"""Every path that the coverage page names is there."""

import re
from pathlib import Path


def test_every_file_that_the_page_names_exists():
    named = re.findall(r"`([\w./-]+/[\w./-]+|[\w-]+\.(?:sh|yml))`", Path("docs/coverage.md").read_text())
    paths = [name for name in named if "." in name.rsplit("/", 1)[-1] and not name.startswith("secrets/")]
    assert len(paths) > 30
    assert [path for path in paths if not Path(path).exists()] == []
