"""Alertmanager's silences."""

from typing import Any

import requests

from analysis.errors import AccessError, NotPrometheusError, UnreachableError

SECONDS_TO_WAIT = 30.0


def silences(url: str) -> list[dict[str, Any]]:
    """Every silence that Alertmanager still knows; expired ones it keeps for five days by default.

    Raises:
        SourceError: it cannot be reached, refuses, or does not answer as Alertmanager does.
    """
    advice = "check `alertmanager_url`, or leave it empty"
    try:
        answer = requests.get(f"{url.rstrip('/')}/api/v2/silences", timeout=SECONDS_TO_WAIT, allow_redirects=False)
    except requests.RequestException as error:
        raise UnreachableError(f"Alertmanager does not answer ({type(error).__name__}); {advice}") from None
    if answer.status_code in (401, 403):
        raise AccessError(f"Alertmanager says {answer.status_code} to a question for its silences; {advice}")
    try:
        found = answer.json() if answer.status_code == 200 else None
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(item, dict) and "matchers" in item for item in found):
        raise NotPrometheusError(f"what answers for Alertmanager gives no silences ({answer.status_code}); {advice}")
    return found
