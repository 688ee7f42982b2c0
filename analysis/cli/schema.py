"""``promreview schema``: the JSON Schema of what a command prints or a report leaves."""

from typing import Annotated, Any

import typer

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DOCUMENTS = {  # where each type stands; nothing of it is imported before it is asked for
    "findings": ("analysis.findings", "FindingsDocument"),
    "review-cost": ("analysis.cli.review_cost", "CostDocument"),
    "rules-drift": ("analysis.thresholds.documents", "DriftDocument"),
    "rules-patch": ("analysis.thresholds.documents", "PatchDocument"),
    "rules-recommend": ("analysis.thresholds.documents", "RecommendDocument"),
    "rules-whatif": ("analysis.thresholds.documents", "WhatIfDocument"),
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of a document.

    Raises:
        InputError: there is none of this name.
    """
    from importlib import import_module

    from analysis.errors import InputError

    if name not in DOCUMENTS:
        raise InputError(f"there is no document {name!r}; there are {', '.join(DOCUMENTS)}")
    module, document = DOCUMENTS[name]
    return {"$schema": DIALECT, **getattr(import_module(module), document).model_json_schema(mode="serialization")}


def schema(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"one of {', '.join(DOCUMENTS)}")],
) -> None:
    """Print the JSON Schema of a document; those of this version lie in docs/schemas/ too."""
    import json

    print(json.dumps(schema_of(name), indent=1, ensure_ascii=False))
