"""What a client's socket reports of an error: errno by ICMP type and code.

icmp_err_convert in net/ipv4/icmp.c, tcp_v4_err(), icmpv6_err_convert(); sctp_v4_err().
"""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.disposition import Result
from skoop.model.packet import Packet, Proto
from skoop.netstack.walk.events import Errno, Stopped

_ERRNOS = {
    Errno.EINVAL: Result.INVALID,
    Errno.EACCES: Result.PROHIBITED,
    Errno.EHOSTUNREACH: Result.UNREACHABLE,
    Errno.ENETUNREACH: Result.UNREACHABLE,
    Errno.EMSGSIZE: Result.MSGSIZE,
    Errno.EADDRNOTAVAIL: Result.INVALID,
}

_V4 = {
    0: Result.UNREACHABLE,
    1: Result.UNREACHABLE,
    2: Result.UNREACHABLE,
    3: Result.REFUSED,
    4: Result.MSGSIZE,
    9: Result.UNREACHABLE,
    10: Result.UNREACHABLE,
    13: Result.UNREACHABLE,
}
_V6 = {
    0: Result.UNREACHABLE,
    1: Result.PROHIBITED,
    3: Result.UNREACHABLE,
    4: Result.REFUSED,
    5: Result.PROHIBITED,
    6: Result.PROHIBITED,
}


def errno_result(stopped: Stopped, proto: int) -> Result | None:
    """What an errno of the sender's own kernel means; None when the call succeeds all the same.

    A packet dropped in OUTPUT gives EPERM to sendto(), and one that cannot be routed again after
    OUTPUT the route's errno; connect() ignores both and retransmits (tcp_connect()). SCTP does so
    whatever stops its INIT, and without any route (sctp_packet_transmit()).
    """
    if proto == Proto.SCTP:
        return None
    late = stopped.queued or stopped.errno is Errno.EPERM
    if late and proto == Proto.TCP:
        return None
    if stopped.errno is Errno.EPERM:
        return Result.PROHIBITED
    return _ERRNOS.get(stopped.errno)


def icmp_result(answer: Packet, sent: Packet) -> Result:
    """What a reset or an ICMP error that reached the client tells it."""
    if answer.quoted is None:
        aborts = answer.proto in (Proto.TCP, Proto.SCTP)
        return Result.REFUSED if aborts else Result.OK
    if sent.proto == Proto.SCTP:
        return _told_by_sctp(answer)
    kind, code = answer.icmp.type, answer.icmp.code
    if sent.family is Family.V4:
        return _V4.get(code, Result.UNREACHABLE) if kind == 3 else Result.UNREACHABLE
    if kind == 2:
        return Result.MSGSIZE
    return _V6.get(code, Result.UNREACHABLE) if kind == 1 else Result.UNREACHABLE


def _told_by_sctp(answer: Packet) -> Result:
    """Other errors than "no such protocol" are remembered, not reported (sk_err_soft), and INIT is
    sent again, to a client that does not ask for them with IP_RECVERR."""
    error = (answer.icmp.type, answer.icmp.code)
    protocol = (3, 2) if answer.quoted and answer.quoted.family is Family.V4 else (4, 1)
    return Result.REFUSED if error == protocol else Result.TIMEOUT
