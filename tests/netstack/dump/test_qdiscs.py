# ruff: noqa: E501  (what tc prints)
"""`tc -j qdisc` and `tc -j filter`: what drops, what may, and what only queues."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.errors import ParseError
from skoop.netstack.dump.qdiscs import read_filters, read_qdiscs, with_qdiscs
from skoop.netstack.state import Action, Link, Shaping, TrafficControl

ROOT = '{"kind":"noqueue","handle":"0:","dev":"x","root":true,"refcnt":2,"options":{}}'
CLSACT = '{"kind":"clsact","handle":"ffff:","dev":"x","parent":"ffff:fff1","options":{}}'
NETEM = '{"kind":"netem","handle":"8001:","dev":"x","root":true,"refcnt":2,"options":{"limit":1000,%s"ecn":false,"gap":0}}'
FIFO = '{"kind":"pfifo","handle":"8002:","dev":"x","root":true,"refcnt":3,"options":{"limit":%d}}'
DELAY = '"delay":{"delay":0.1,"jitter":0,"correlation":0},'
LOSS = '"loss-random":{"loss":%s,"correlation":0},'
CHILD = NETEM.replace('"root":true', '"parent":"1:10"')

EGRESS = {
    "none": (ROOT, Action.PASSES, ""),
    "a shaper": (ROOT.replace("noqueue", "tbf"), Action.PASSES, ""),
    "classes": (ROOT.replace("noqueue", "htb"), Action.MAY_ACT, "qdisc htb"),
    "delay alone": (NETEM % DELAY, Action.PASSES, ""),
    "some loss": (NETEM % (LOSS % 0.3), Action.MAY_ACT, "qdisc netem loss 30%"),
    "all lost": (NETEM % (DELAY + LOSS % 1), Action.DROPS, "qdisc netem loss 100%"),
    "all of one class lost": (CHILD % (LOSS % 1), Action.MAY_ACT, "qdisc netem loss 100%"),
    "a loss model": (
        NETEM % '"loss-gemodel":{"p":0.01,"r":1,"1-h":1,"1-k":0},',
        Action.MAY_ACT,
        "qdisc netem with losses",
    ),
    "a queue": (FIFO % 1000, Action.PASSES, ""),
    "a queue of none": (FIFO % 0, Action.DROPS, "qdisc pfifo limit 0"),
}


@pytest.mark.parametrize(("text", "action", "said"), EGRESS.values(), ids=EGRESS.keys())
def test_what_queues(text: str, action: Action, said: str) -> None:
    control = read_qdiscs(f"[{text}]", "t")["x"]
    assert (control.egress.action, control.egress.text) == (action, said)
    assert control.ingress.action is Action.PASSES


BPF = '{"protocol":"all","pref":1,"kind":"bpf","chain":0,"options":{"handle":"0x1","bpf_name":"cil_from_container","direct-action":true,"prog":{"id":7}}}'
U32 = '{"protocol":"ip","pref":2,"kind":"u32","chain":0,"options":{"fh":"800::800","match":{"value":"a010203","mask":"ffffffff","offmask":"","off":16},"actions":[{"order":1,"kind":"mirred","mirred_action":"redirect","control_action":{"type":"stolen"}}]}}'
HEAD = '{"protocol":"all","pref":3,"kind":"matchall","chain":0}'
ALL = '{"protocol":"%s","pref":3,"kind":"matchall","chain":0,"options":{"handle":1,"not_in_hw":true,"actions":[{"order":1,"kind":"gact","control_action":{"type":"%s"},"prob":{"random_type":"%s","control_action":{"type":"pass"},"val":0},"index":1}]}}'

FILTERS = {
    "none": ("", Action.PASSES),
    "only the line of a kind": (HEAD, Action.PASSES),
    "a program": (BPF, Action.PROGRAM),
    "a match": (U32, Action.MAY_ACT),
    "drop all": (f"{HEAD},{ALL % ('all', 'drop', 'none')}", Action.DROPS),
    "drop all of IPv4": (ALL % ("ip", "drop", "none"), Action.MAY_ACT),
    "drop some": (ALL % ("all", "drop", "netrand"), Action.MAY_ACT),
    "pass all": (f"{ALL % ('all', 'pass', 'none')},{BPF}", Action.PASSES),
    "a match before": (f"{U32},{ALL % ('all', 'drop', 'none')}", Action.MAY_ACT),
}


@pytest.mark.parametrize(("text", "action"), FILTERS.values(), ids=FILTERS.keys())
def test_filters(text: str, action: Action) -> None:
    found = read_filters(f"[{text}]", "t")
    assert found.action is action
    assert bool(found.text) is bool(found.raw) is (action is not Action.PASSES)


def test_a_holder_has_the_filters_that_were_collected() -> None:
    held = {("x", "egress"): read_filters(f"[{BPF}]", "t"), ("x", "ingress"): Shaping()}
    control = read_qdiscs(f"[{ROOT},{CLSACT}]", "t", held)["x"]
    assert control == TrafficControl(egress=held["x", "egress"])
    assert "cil_from_container" in control.egress.text


def test_filters_that_were_not_collected_may_do_anything() -> None:
    control = read_qdiscs(f"[{ROOT},{CLSACT}]", "t")["x"]
    assert {control.ingress.action, control.egress.action} == {Action.MAY_ACT}
    only_in = read_qdiscs(f"[{CLSACT.replace('clsact', 'ingress')}]", "t")["x"]
    assert (only_in.ingress.action, only_in.egress.action) == (Action.MAY_ACT, Action.PASSES)


def test_tc_knows_better_than_ip_but_not_of_xdp() -> None:
    xdp = Shaping(Action.PROGRAM, "an XDP program", "xdp")
    link = Link(
        index=1,
        name="x",
        kind="veth",
        tc=TrafficControl(xdp, Shaping(Action.MAY_ACT, "qdisc netem")),
    )
    (found,) = with_qdiscs((link,), read_qdiscs(f"[{NETEM % DELAY}]", "t"))
    assert found.tc == TrafficControl(ingress=xdp)
    assert with_qdiscs((replace(link, name="y"),), read_qdiscs(f"[{ROOT}]", "t"))[0].tc == link.tc


@pytest.mark.parametrize("options", ["null", "[]", '{"limit":[]}', '{"loss-random":3}'])
def test_options_that_cannot_be_read(options: str) -> None:
    with pytest.raises(ParseError):
        read_qdiscs(f'[{{"kind":"netem","dev":"x","root":true,"options":{options}}}]', "t")
