"""The schemas that the repository ships are those of the types, and refuse what is not such a document."""

import json

import pytest
from jsonschema import ValidationError
from typer.testing import CliRunner

from analysis.cli import app
from analysis.cli.schema import DOCUMENTS, schema_of
from analysis.errors import InputError
from tests.schemas import FOLDER, check


def test_every_document_has_a_schema_and_there_are_no_others():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(DOCUMENTS)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_what_is_shipped_is_what_the_types_say(name):
    shipped = (FOLDER / f"{name}.json").read_text()
    assert json.loads(shipped) == schema_of(name), f"run: promreview schema {name} > docs/schemas/{name}.json"
    assert CliRunner().invoke(app, ["schema", name]).stdout == shipped
    with pytest.raises(ValidationError):
        check(name, {"schema_version": 1})


def test_every_field_of_the_rules_documents_says_what_it_is_or_has_a_type():
    for name in DOCUMENTS:
        for definition in [schema_of(name), *schema_of(name)["$defs"].values()]:
            assert definition.get("description"), (name, definition["title"])


def test_an_unknown_document_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="rules-drift"):
        schema_of("nope")
