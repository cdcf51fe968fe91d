"""What a client's socket reports, by errno and by ICMP error."""

from __future__ import annotations

import inspect

import pytest

from skoop.diagnose import observe
from skoop.diagnose.observe import errno_result, icmp_result
from skoop.model.disposition import Disposition, Result
from skoop.model.packet import Icmp, Packet, Proto
from skoop.netstack.walk.events import Branch, Errno, Reason, Stop, Stopped
from skoop.netstack.walk.icmp import Problem, abort, error, reset
from tests.netstack.builders import packet

TCP = packet("tcp 10.0.0.1 -> 10.0.0.2:80", sport=1000)
UDP = packet("udp 10.0.0.1 -> 10.0.0.2:53", sport=1000)
SCTP = packet("sctp 10.0.0.1 -> 10.0.0.2:3868", sport=1000)
SCTP6 = packet("sctp fd00::1 -> [fd00::2]:3868", sport=1000)
TCP6 = packet("tcp fd00::1 -> [fd00::2]:80", sport=1000)

ERRORS = [
    (UDP, Problem.NET_UNREACHABLE, Result.UNREACHABLE),
    (UDP, Problem.HOST_UNREACHABLE, Result.UNREACHABLE),
    (UDP, Problem.PORT_UNREACHABLE, Result.REFUSED),
    (UDP, Problem.TOO_BIG, Result.MSGSIZE),
    (TCP, Problem.NET_UNREACHABLE, Result.UNREACHABLE),
    (TCP, Problem.PORT_UNREACHABLE, Result.REFUSED),
    (TCP, Problem.PROHIBITED, Result.UNREACHABLE),
    (TCP, Problem.HOST_PROHIBITED, Result.UNREACHABLE),
    (TCP6, Problem.NET_UNREACHABLE, Result.UNREACHABLE),
    (TCP6, Problem.PROHIBITED, Result.PROHIBITED),
    (TCP6, Problem.PORT_UNREACHABLE, Result.REFUSED),
    (TCP6, Problem.TOO_BIG, Result.MSGSIZE),
    (SCTP, Problem.PORT_UNREACHABLE, Result.TIMEOUT),
    (SCTP, Problem.PROHIBITED, Result.TIMEOUT),
    (SCTP, Problem.PROTOCOL_UNREACHABLE, Result.REFUSED),
    (SCTP6, Problem.PORT_UNREACHABLE, Result.TIMEOUT),
    (SCTP6, Problem.PROTOCOL_UNREACHABLE, Result.REFUSED),
]


@pytest.mark.parametrize(("sent", "problem", "expected"), ERRORS)
def test_icmp_errors(sent: Packet, problem: Problem, expected: Result) -> None:
    told = error(sent, problem)
    assert told is not None
    assert icmp_result(told, sent) is expected


def test_a_reset_is_a_refusal() -> None:
    told = reset(TCP)
    assert told is not None
    assert icmp_result(told, TCP) is Result.REFUSED


def test_an_abort_is_a_refusal() -> None:
    assert icmp_result(abort(SCTP), SCTP) is Result.REFUSED


@pytest.mark.parametrize("errno", [Errno.EPERM, Errno.ENETUNREACH, Errno.EACCES, Errno.EINVAL])
def test_sctp_sends_its_init_again_whatever_stops_it(errno: Errno) -> None:
    """Measured on Linux 6.1: no route, prohibit, unreachable, blackhole and DROP in OUTPUT."""
    stop = Stop(disposition=Disposition.DROPPED, reason=Reason.RULE, detail="x")
    stopped = Stopped(Branch(), stop, SCTP, errno=errno)
    assert errno_result(stopped, Proto.SCTP) is None
    assert errno_result(stopped, Proto.UDP) is not None


def test_every_code_has_a_result() -> None:
    """No code falls through to a success."""
    for sent in (TCP, UDP, TCP6):
        base = error(sent, Problem.HOST_UNREACHABLE)
        assert base is not None
        for kind in (1, 2, 3, 11, 12):
            for code in range(16):
                from msgspec.structs import replace

                assert icmp_result(replace(base, icmp=Icmp(kind, code)), sent) is not Result.OK


def test_the_room_has_no_clock() -> None:
    assert "time" not in inspect.getsource(observe).split()
