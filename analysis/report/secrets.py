"""Secrets of the environment, so that no file and no message of ours ever shows one."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Variables that hold a secret, or (with _FILE) name a file that does.
NAMES = re.compile(r"(PASSWORD|TOKEN|HEADERS|SECRET|SECRET_ACCESS_KEY|NOTIFY_URLS|FAILURE_URLS|API_KEY)(_FILE)?$")
OURS = ("PROMETHEUS_", "PROMREVIEW_", "GRAFANA_", "ALERTMANAGER_", "AWS_")  # how variables that we read begin
SHORTEST = 6  # characters; striking out shorter ones would tear words and numbers apart
STRUCK = "[secret]"


def known_secrets(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Every secret that the environment holds or points at, the longest first."""
    found: set[str] = set()
    for name, value in (os.environ if environment is None else environment).items():
        if value and name.upper().endswith("_PROXY"):
            found |= _of_url(value)
        if not value or not name.startswith(OURS):
            continue
        found |= _of_url(value) if name.endswith("_URL") else set()
        if NAMES.search(name):
            found |= _parts(_read(value) if name.endswith("_FILE") else value)
    return tuple(sorted((s for s in found if len(s) >= SHORTEST), key=len, reverse=True))


def strike(text: str, secrets: tuple[str, ...] | None = None) -> str:
    """A text with every known secret struck out, also where JSON has escaped it."""
    for secret in known_secrets() if secrets is None else secrets:
        for form in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
            text = text.replace(form, STRUCK)
    return text


def _of_url(value: str) -> set[str]:
    try:
        password = urlsplit(value.strip()).password or ""
    except ValueError:
        return set()
    return {password, unquote(password)}


def _parts(value: str) -> set[str]:
    """A secret and what it consists of: header values, one delivery address per line, passwords in them."""
    parts = {value.strip()}
    try:
        headers = json.loads(value)
    except ValueError:
        headers = None
    if isinstance(headers, dict):
        parts = {str(item) for item in headers.values()}
        return parts | {part.split(" ", 1)[-1] for part in parts}
    for line in re.split(r"[\s,]+", value.strip()):
        parts |= {line, *_of_url(line)}
    return parts


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
