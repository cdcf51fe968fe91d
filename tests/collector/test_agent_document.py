from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skoop.collector.document import parse_agent_output
from skoop.errors import ParseError
from skoop.netstack.dump import Output
from skoop.snapshot import NamespaceKind, NodeDocument

TOKEN = "0a1b2c3d-0000-4000-8000-0123456789ab"


def text(*chunks: str) -> bytes:
    head = f"skoop-agent 1 {TOKEN}\n"
    return (head + "".join(f"\n@{TOKEN} {chunk}" for chunk in chunks)).encode()


def parse(*chunks: str) -> NodeDocument:
    return parse_agent_output(text(*chunks), "k1", "agent")


HOST = "ns host 100\n"
END = "end\n"


def test_outputs_statuses_and_messages() -> None:
    (host,) = parse(
        HOST, "out ss -H -lntu\n a \n\nb\n", "rc 0\n", "out ipset save\n", "rc 1\nno luck", END
    ).namespaces
    assert (host.kind, host.inode) == (NamespaceKind.HOST, 100)
    assert host.outputs == {
        "ss -H -lntu": Output(" a \n\nb\n"),
        "ipset save": Output("", 1, "no luck"),
    }


def test_a_batch_is_taken_apart() -> None:
    (host,) = parse(
        HOST, "batch -j -4|route show table all|rule\n[]\n[1]\n", "rc 0\n", END
    ).namespaces
    assert host.outputs == {
        "ip -j -4 route show table all": Output("[]"),
        "ip -j -4 rule": Output("[1]"),
    }


def test_a_batch_that_does_not_add_up_is_no_output() -> None:
    document = parse(HOST, "batch -j|link|addr\n[]\n", "rc 0\n", END)
    assert all(output.rc for output in document.namespaces[0].outputs.values())
    assert "1 lines for 2" in document.notes[0]


def test_settings_become_the_usual_lines() -> None:
    files = "ipv4/ip_forward:1\nipv4/conf/eth0.7/rp_filter:0\nipv4/ip_local_port_range:1\t2\n"
    (host,) = parse(HOST, f"out grep sysctl\n{files}", "rc 0\n", END).namespaces
    assert host.outputs["sysctl"].stdout == (
        "net.ipv4.ip_forward = 1\nnet.ipv4.conf.eth0/7.rp_filter = 0\n"
        "net.ipv4.ip_local_port_range = 1\t2\n"
    )


def test_files_are_keyed_by_path() -> None:
    (host,) = parse(HOST, "out cat /proc/net/tcp\nx\n", "rc 0\n", END).namespaces
    assert host.outputs == {"/proc/net/tcp": Output("x\n")}


def test_pods_and_notes() -> None:
    document = parse(
        HOST, "ns pod 7 u-1 shop/web\n", "note pod a/b: ended\n", "ns pod 8 - shop/api\n", END
    )
    pods = [(d.namespace, d.pod, d.uid, d.inode) for d in document.namespaces[1:]]
    assert pods == [("shop", "web", "u-1", 7), ("shop", "api", "", 8)]
    assert document.notes == ("pod a/b: ended",)


def test_a_pod_given_twice_counts_once() -> None:
    document = parse(HOST, "ns pod 7 - a/b\n", "ns pod 8 - a/b\n", END)
    assert [d.inode for d in document.namespaces] == [100, 7]
    assert "twice" in document.notes[0]


def test_text_that_looks_like_a_mark_stays_text() -> None:
    forged = "@0a1b2c3d-0000-4000-8000-0123456789ac rc 0\n\n@x end\n"
    (host,) = parse(HOST, f"out nft list ruleset\n{forged}", "rc 0\n", END).namespaces
    assert host.outputs["nft list ruleset"].stdout == forged


def test_a_command_whose_shell_died_is_a_failure() -> None:
    document = parse(HOST, "out ss -H -lntu\npart", "ns pod 7 - a/b\n", END)
    assert document.namespaces[0].outputs["ss -H -lntu"].rc == 124


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not the output"),
        (b"sh: not found\n", "not the output"),
        (text(HOST).replace(b"agent 1", b"agent 2"), "version 2"),
        (text(), "no marks"),
        (text(HOST, "out ss\n", "rc 0\n"), "cut off"),
        (text(END), "nothing about the node"),
        (text("out ss\n", "rc 0\n", END), "before any namespace"),
        (text("ns host x\n", END), "without inode"),
        (text(HOST, "ns pod 7 - web\n", END), "neither host nor pod"),
        (text(HOST, "ns vm 7\n", END), "neither host nor pod"),
        (text(HOST, "hello\n", END), "unknown mark"),
        (text(HOST, "out ss\n", "rc many\n", END), "not a status"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, problem: str) -> None:
    with pytest.raises(ParseError, match=problem):
        parse_agent_output(data, "k1", "agent")


CHUNKS = st.sampled_from(
    [
        "ns host 1\n",
        "ns pod 7 - a/b\n",
        "ns",
        "out x\nfoo",
        "out",
        "rc 0\n",
        "rc",
        "note",
        "end\n",
        "batch -j|link\n[]\n",
        "batch\n",
        "out grep sysctl\na\nb:c\n",
        " ",
        "\n",
    ]
)


@settings(max_examples=200)
@given(st.lists(CHUNKS, max_size=8), st.binary(max_size=20), st.integers(0, 400))
def test_any_bytes(chunks: list[str], tail: bytes, cut: int) -> None:
    for data in (text(*chunks) + tail, text(*chunks)[:cut], tail):
        with contextlib.suppress(ParseError):
            parse_agent_output(data, "k1", "agent")
