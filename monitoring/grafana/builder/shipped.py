"""Which dashboards there are, and the folder of the audience of each."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from monitoring.grafana.builder import application, infrastructure, monthly_review, security

FOLDERS = {
    "security/security-overview.json": security.build,
    "operations/infrastructure.json": infrastructure.build,
    "operations/monthly-review.json": monthly_review.build,
    "business/application-performance.json": application.build,
}
"""Files by the folder that Grafana shows them in, with what builds each."""


def texts() -> dict[str, str]:
    """The JSON of every dashboard by its file."""
    encoder = JSONEncoder(indent=2, sort_keys=True, ensure_ascii=False)
    return {name: encoder.encode(build()) + "\n" for name, build in FOLDERS.items()}


def write(folder: Path) -> None:
    """Write every dashboard into a folder of dashboards."""
    for name, text in texts().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
