"""Any text is a ruleset or a ParseError, and any ruleset judges any packet."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from skoop.errors import ParseError
from skoop.model.address import Family
from skoop.netstack.conntrack import new_connection
from skoop.netstack.iptables import read_ruleset
from skoop.netstack.iptables.match import MATCHES
from skoop.netstack.iptables.target import TARGETS
from skoop.netstack.netfilter import View
from tests.netstack.iptables.asking import NODE, SYN

WORDS = st.sampled_from(
    [
        *("-A", "-m", "-j", "-g", "!", "-p", "-s", "-d", "-i", "tcp", "udp", "INPUT", "X", "Y"),
        *("--dport", "80", "1:2", "10.0.0.0/8", "0x1/0x1", '"a b"', '"', "\\", ",", "-", "--"),
        *("eth+", "fd00::/8", "--mark", "NEW", "src,dst", "1-2", "", "ACCEPT", "DROP", "RETURN"),
        *MATCHES,
        *TARGETS,
    ]
)
OPTIONS = st.sampled_from(
    sorted(
        {f"--{name}" for kind in (*MATCHES.values(), *TARGETS.values()) for name in kind.options}
    )
)
LINES = st.one_of(
    st.lists(WORDS | OPTIONS, max_size=12).map(lambda words: " ".join(["-A INPUT", *words])),
    st.lists(WORDS, max_size=6).map(lambda words: " ".join(["-A X", *words])),
    st.sampled_from(["*filter", "*nat", "COMMIT", ":X - [0:0]", ":INPUT DROP [0:0]", "# x"]),
    st.text(max_size=30),
)


def judge(text: str, family: Family) -> None:
    try:
        ruleset = read_ruleset(text, engine="iptables-nft", family=family, source="fuzz")
    except ParseError:
        return
    for chain in ruleset.chains:
        view = View(chain.hook, NODE, new_connection(SYN), iif="eth0", local=True)
        found = chain.evaluate(SYN, view)
        assert found
        assert all(0 < outcome.weight <= 1.0000001 for outcome in found)


@settings(max_examples=200)
@given(st.text(max_size=300))
def test_any_text(text):
    judge(text, Family.V4)


@settings(max_examples=300)
@given(st.lists(LINES, max_size=12), st.sampled_from(Family))
def test_text_that_is_nearly_right(lines, family):
    judge("\n".join(["*filter", ":INPUT ACCEPT [0:0]", *lines]), family)
