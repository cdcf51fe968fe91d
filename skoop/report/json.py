"""The JSON result: `-o json`, and one line a query in batch mode."""

from __future__ import annotations

import msgspec

from skoop.errors import InputError
from skoop.report.document import SCHEMA_VERSION, ErrorDoc, ResultDoc
from skoop.report.options import RenderOptions


def render(result: ResultDoc, options: RenderOptions) -> str:
    """The result as indented JSON; nothing in `options` applies."""
    del options
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n"


def read(data: bytes, source: str) -> ResultDoc:
    """A result that was written before. Raises InputError, which names the file and the field."""
    try:
        result = msgspec.json.decode(data, type=ResultDoc)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{source}: not a result of `skoop diagnose -o json`: {error}") from error
    if result.schema_version != SCHEMA_VERSION:
        raise InputError(
            f"{source}: schema_version {result.schema_version}; this skoop reads {SCHEMA_VERSION}"
        )
    return result


def batch_line(query_id: str | int | None, result: ResultDoc) -> str:
    """The result as one line that begins with the query's id."""
    return msgspec.json.encode(msgspec.structs.replace(result, id=query_id)).decode()


def batch_error(query_id: str | int | None, message: str) -> str:
    """The line of a query that could not be answered."""
    return msgspec.json.encode(ErrorDoc(query_id, message)).decode()
