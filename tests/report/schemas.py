"""Checks documents against the schemas of the package, each of which is itself checked once."""

from __future__ import annotations

import functools
from typing import Any

import jsonschema

from sipauthctl.report.json_output import schema


@functools.cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    return jsonschema.Draft202012Validator(schema(name))


def validate(document: Any, name: str) -> None:
    """Raises ValidationError where the document does not follow the schema of that name."""
    _validator(name).validate(document)
