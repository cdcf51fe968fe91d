"""Tables, chains, sets and objects of `nft list ruleset`, read into the JSON form's document.

nft 1.0.6 prints `dnat ip addr . port to ... map` without `addr . port`; the map's elements show the
ports, so nothing is lost here.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from skoop.netstack.nft.document import (
    Document,
    Entry,
    RawChain,
    RawObject,
    RawRule,
    RawSet,
    RawTable,
)
from skoop.netstack.nft.text.cursor import Cursor
from skoop.netstack.nft.text.expressions import dotted_constant, elements
from skoop.netstack.nft.text.statements import body, rule, verdict
from skoop.netstack.nft.values import Json

_DATA_WORDS = ("accept", "drop", "return", "continue", "jump", "goto")
_UNITS = {"bytes": 1, "kbytes": 1024, "mbytes": 1024**2, "gbytes": 1024**3}


def read_document(text: str, source: str) -> Document:
    """A listing's entries; raises ParseError. A listing without any table is an empty text."""
    cursor = Cursor(text, source)
    entries: list[Entry] = []
    _skip(cursor)
    while not cursor.at_end:
        cursor.expect("table")
        family, name = cursor.word(), cursor.word()
        table = RawTable(family, name)
        entries.append(Entry(table=table))
        cursor.expect("{")
        _table(cursor, table, entries)
        _skip(cursor)
    return Document(entries)


def _skip(cursor: Cursor) -> None:
    """Pass over empty lines and remarks."""
    cursor.skip_lines()
    while cursor.now.kind == "word" and cursor.now.text.startswith("#"):
        cursor.rest_of_line()
        cursor.skip_lines()


def _table(cursor: Cursor, table: RawTable, entries: list[Entry]) -> None:
    _skip(cursor)
    while not cursor.accept("}"):
        word = cursor.word()
        if word == "flags":
            table.flags = _words(cursor)
        elif word == "comment":
            cursor.word()
        elif word == "chain":
            _chain(cursor, table, entries)
        elif word in ("set", "map"):
            named = _set(cursor, table)
            entries.append(Entry(set=named) if word == "set" else Entry(map=named))
        else:
            _object(cursor, table, word, entries)
        _skip(cursor)


def _words(cursor: Cursor) -> list[str]:
    found = [cursor.word()]
    while cursor.accept(","):
        found.append(cursor.word())
    return found


def _chain(cursor: Cursor, table: RawTable, entries: list[Entry]) -> None:
    chain = RawChain(table.family, table.name, cursor.word())
    entries.append(Entry(chain=chain))
    cursor.expect("{")
    _skip(cursor)
    while not cursor.accept("}"):
        if cursor.at_end:
            raise cursor.error("the chain does not end")
        if cursor.now.text == "type" and cursor.peek(2) == "hook":
            _base(cursor, chain)
        elif cursor.now.text == "comment" and not chain.hook and _is_alone(cursor):
            cursor.rest_of_line()
        elif cursor.accept("policy"):
            chain.policy = cursor.word()
        else:
            listed, comment = rule(cursor)
            expr = Raw(msgspec.json.encode(listed))
            raw = RawRule(table.family, table.name, chain.name, expr, comment)
            entries.append(Entry(rule=raw))
        _skip(cursor)


def _is_alone(cursor: Cursor) -> bool:
    return cursor.peek(2) == "\n"


def _base(cursor: Cursor, chain: RawChain) -> None:
    cursor.expect("type")
    chain.type = cursor.word()
    cursor.expect("hook")
    chain.hook = cursor.word()
    while not cursor.accept("priority"):
        if cursor.at_end or cursor.now.kind == "newline":
            raise cursor.error("a priority belongs here")
        cursor.take()
    priority = []
    while not cursor.at_line_end:
        priority.append(cursor.word())
    chain.prio = " ".join(priority)


def _set(cursor: Cursor, table: RawTable) -> RawSet:
    named = RawSet(table.family, table.name, cursor.word())
    cursor.expect("{")
    _skip(cursor)
    while not cursor.accept("}"):
        if cursor.at_end:
            raise cursor.error("the set does not end")
        if cursor.accept("elements"):
            cursor.expect("=")
            listed = elements(cursor, _data)
            named.elem = Raw(msgspec.json.encode(listed))
        else:
            while not cursor.at_line_end:
                cursor.take()
        _skip(cursor)
    return named


def _data(cursor: Cursor) -> Json:
    if cursor.now.kind == "word" and cursor.now.text in _DATA_WORDS:
        return verdict(cursor)
    return dotted_constant(cursor)


def _object(cursor: Cursor, table: RawTable, word: str, entries: list[Entry]) -> None:
    """A counter, limit, quota, flowtable, ct helper, ...: only what decides packets is kept."""
    kind = f"ct {cursor.word()}" if word == "ct" else word
    named = RawObject(table.family, table.name, cursor.word())
    cursor.expect("{")
    start = cursor.place
    if kind in ("limit", "quota"):
        _stateful(cursor, kind, named, entries)
    elif kind == "ct helper":
        cursor.skip_lines()
        cursor.accept("type")
        named.type = cursor.word()
        entries.append(Entry(helper=named))
    cursor.place = start
    depth = 1
    while depth:
        if cursor.at_end:
            raise cursor.error(f"the {kind} does not end")
        token = cursor.take()
        if token.kind == "mark":
            depth += (token.text == "{") - (token.text == "}")


def _stateful(cursor: Cursor, kind: str, named: RawObject, entries: list[Entry]) -> None:
    """The body of a limit or quota object is what the statement has after its name."""
    cursor.skip_lines()
    if cursor.now.text == "comment":
        cursor.rest_of_line()
        cursor.skip_lines()
    what = body(cursor, kind)
    named.inv = bool(what.get("inv"))
    if kind == "quota":
        named.bytes = what["val"] * _UNITS.get(what["val_unit"], 1)
        named.used = what.get("used", 0) * _UNITS.get(what.get("used_unit", "bytes"), 1)
        entries.append(Entry(quota=named))
    else:
        entries.append(Entry(limit=named))
