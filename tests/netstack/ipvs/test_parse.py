"""The same virtual servers in each of the three forms, as a kernel and ipvsadm 1.31 print them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skoop.errors import ParseError
from skoop.model.address import parse_ip
from skoop.model.packet import Proto
from skoop.netstack.ipvs.parse import read_connections, read_listing, read_proc, read_saved
from skoop.netstack.ipvs.table import Forward, RealServer, VirtualServer

PROC = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A600001:0050 rr persistent 10800 FFFFFFFF
  -> 0AF40102:1F90      Masq    1      0          0
  -> 0AF40203:1F90      Masq    0      2          1
UDP  [fd00:0096:0000:0000:0000:0000:0000:0010]:0035 wrr
  -> [fd00:0244:0000:0001:0000:0000:0000:0011]:14E9      Route   3      0          0
FWM  00000007 sh
"""
LISTING = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.96.0.1:80 rr persistent 10800
  -> 10.244.1.2:8080              Masq    1      0          0
  -> 10.244.2.3:8080              Masq    0      2          1
UDP  [fd00:96::10]:53 wrr
  -> [fd00:244:0:1::11]:5353      Route   3      0          0
FWM  7 sh
"""
SAVED = """-A -t 10.96.0.1:80 -s rr -p 10800
-a -t 10.96.0.1:80 -r 10.244.1.2:8080 -m -w 1
-a -t 10.96.0.1:80 -r 10.244.2.3:8080 -m -w 0
-A -u [fd00:96::10]:53 -s wrr
-a -u [fd00:96::10]:53 -r [fd00:244:0:1::11]:5353 -g -w 3
-A -f 7 -s sh
"""
FORMS = {
    "proc": (read_proc, PROC),
    "listing": (read_listing, LISTING),
    "saved": (read_saved, SAVED),
}
CONNECTIONS = """Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP 0AF40109 D431 0A600001 0050 0AF40102 1F90 ESTABLISHED     899
UDP fd00:0244:0000:0001:0000:0000:0000:0012 15B3 fd00:0096::10 0035 fd00:0244:0000:0001::11 14E9 \
UDP 10
TCP 0AF40109 0000 0A600001 0050 0AF40102 1F90 NONE     899
"""


@pytest.mark.parametrize("form", FORMS)
def test_every_form_tells_the_same(form: str) -> None:
    read, text = FORMS[form]
    web, dns, marked = read(text, form)
    assert (web.proto, web.address, web.port) == (Proto.TCP, parse_ip("10.96.0.1"), 80)
    assert (web.scheduler, web.persistent) == ("rr", 10800)
    assert web.servers == (
        RealServer(parse_ip("10.244.1.2"), 8080, 1, Forward.MASQ),
        RealServer(parse_ip("10.244.2.3"), 8080, 0, Forward.MASQ),
    )
    assert web.available == web.servers[:1]
    assert (dns.proto, dns.address, dns.port) == (Proto.UDP, parse_ip("fd00:96::10"), 53)
    assert dns.servers == (RealServer(parse_ip("fd00:244:0:1::11"), 5353, 3, Forward.ROUTE),)
    assert (marked.fwmark, marked.address, marked.servers) == (7, None, ())


@pytest.mark.parametrize("form", FORMS)
def test_nothing_configured_is_an_empty_table(form: str) -> None:
    read, text = FORMS[form]
    head = [line for line in text.splitlines() if line.startswith(("IP", "Prot", "  -> Remote"))]
    assert read("\n".join(head), form) == ()


def test_connections_without_templates_of_persistence() -> None:
    tcp, udp = read_connections(CONNECTIONS, "conn")
    assert (tcp.client, tcp.client_port) == (parse_ip("10.244.1.9"), 54321)
    assert (tcp.address, tcp.port) == (parse_ip("10.96.0.1"), 80)
    assert (tcp.server, tcp.server_port) == (parse_ip("10.244.1.2"), 8080)
    assert tcp.state == "ESTABLISHED"
    assert (udp.server, udp.server_port) == (parse_ip("fd00:244:0:1::11"), 5353)


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("proc", "TCP  0A6000ZZ:0050 rr"),
        ("proc", "  -> 0AF40102:1F90 Masq 1 0 0"),
        ("proc", "TCP  0A600001:0050"),
        ("listing", "TCP  10.96.0.1 rr"),
        ("listing", "FWM  x rr"),
        ("saved", "-A -t 10.96.0.1 -s rr"),
        ("saved", "-a -t 10.96.0.1:80 -r 10.0.0.1:80 -m"),
        ("saved", "-D -t 10.96.0.1:80"),
    ],
)
def test_what_is_no_such_line_is_an_error_with_its_place(form: str, line: str) -> None:
    read, _ = FORMS[form]
    with pytest.raises(ParseError) as raised:
        read("\n" + line + "\n", "the file")
    assert "the file" in str(raised.value)
    assert "2" in str(raised.value)


@given(st.text(alphabet="TCPUDFWM ->.:[]0123456789ABCDEFrm-\n", max_size=120))
def test_any_text_gives_a_value_or_a_parse_error(text: str) -> None:
    for read in (read_proc, read_listing, read_saved, read_connections):
        try:
            found = read(text, "x")
        except ParseError:
            continue
        assert isinstance(found, tuple)
        assert all(isinstance(each, VirtualServer) for each in found) or read is read_connections
