from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skoop.errors import ParseError
from skoop.policy.selector import Expr, parse_selector

WEB = {"app": "web", "tier": "front-end", "a.b/c-d_e": "x"}

CASES = [
    ("", True),
    ("all()", True),
    ("all( )", True),
    ("global()", True),
    ('app == "web"', True),
    ("app == 'web'", True),
    ("app=='web'", True),
    ('app == "db"', False),
    ('app != "db"', True),
    ('app != "web"', False),
    ('missing != "web"', True),
    ("missing == ''", False),
    ('app in {"db", "web"}', True),
    ("app in {}", False),
    ("app not in {}", True),
    ('app in {"db"}', False),
    ('app not in {"db"}', True),
    ('app not in {"web"}', False),
    ('missing not in {"web"}', True),
    ("has(app)", True),
    ("has( app )", True),
    ("has(missing)", False),
    ("!has(missing)", True),
    ("!!has(app)", True),
    ('tier starts with "front"', True),
    ('tier starts with "end"', False),
    ('tier ends with "end"', True),
    ('tier contains "nt-e"', True),
    ('missing contains ""', False),
    ('has(app) && tier == "back"', False),
    ('has(app) || tier == "back"', True),
    # && binds closer than ||
    ('has(app) || has(missing) && app == "db"', True),
    ('(has(app) || has(missing)) && app == "db"', False),
    ('!(app == "web" && has(missing))', True),
    ('!app == "db"', True),
    ('a.b/c-d_e == "x"', True),
    ("in == 'x'", False),
    ("all == 'x'", False),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_a_selector_matches_as_documented(text: str, expected: bool) -> None:
    assert parse_selector(text).matches(WEB) is expected


@pytest.mark.parametrize(
    "text",
    [
        "app",
        "app ==",
        "app = 'web'",
        "app == web",
        'app == "web',
        "app in ('a')",
        "app in {'a'",
        "app in {a}",
        "has()",
        "has(app",
        "(has(app)",
        "has(app))",
        "has(app) &&",
        "has(app) has(b)",
        "&& has(app)",
        "has(app) & has(b)",
        "app starts 'x'",
        "!",
        "(" * 1000 + "all()" + ")" * 1000,
    ],
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(ParseError, match="selector"):
        parse_selector(text)


keys = st.sampled_from(["a", "b", "c.d/e"])
values = st.text("xyz -'", max_size=3)
leaves = st.one_of(
    st.just("all()"),
    st.builds("has({})".format, keys),
    st.builds('{} == "{}"'.format, keys, values),
    st.builds('{} != "{}"'.format, keys, values),
    st.builds('{} in {{"{}","{}"}}'.format, keys, values, values),
    st.builds('{} not in {{"{}"}}'.format, keys, values),
    st.builds('{} contains "{}"'.format, keys, values),
    st.builds('{} starts with "{}"'.format, keys, values),
    st.builds('{} ends with "{}"'.format, keys, values),
)
texts = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds("!({})".format, inner),
        st.builds("({}) && ({})".format, inner, inner),
        st.builds("({}) || {}".format, inner, inner),
    ),
    max_leaves=6,
)


@given(texts, st.dictionaries(keys, values))
def test_a_selector_means_the_same_when_written_out(text: str, labels: dict[str, str]) -> None:
    found = parse_selector(text)
    assert parse_selector(str(found)).matches(labels) == found.matches(labels)


@given(st.text(max_size=40))
def test_any_text_is_a_selector_or_a_parse_error(text: str) -> None:
    try:
        found: Expr = parse_selector(text)
    except ParseError:
        return
    assert found.matches({}) in (True, False)
