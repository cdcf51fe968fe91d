"""IPVS's tables from whatever was collected of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from skoop.errors import ParseError
from skoop.netstack.dump.output import Output
from skoop.netstack.ipvs.parse import read_connections, read_listing, read_proc, read_saved
from skoop.netstack.ipvs.table import IpvsTable, VirtualConnection, VirtualServer
from skoop.netstack.state import Gap, Link

_KINDS: tuple[tuple[tuple[str, ...], Callable[[str, str], tuple[VirtualServer, ...]]], ...] = (
    (("cat /proc/net/ip_vs", "/proc/net/ip_vs"), read_proc),
    (("ipvsadm-save -n",), read_saved),
    (("ipvsadm -Ln", "ipvsadm -L -n"), read_listing),
)
_CONNECTIONS = (
    "head -n 4096 /proc/net/ip_vs_conn", "cat /proc/net/ip_vs_conn", "/proc/net/ip_vs_conn",
)  # fmt: skip
_DEVICE = "kube-ipvs0"


def read_ipvs(
    outputs: Mapping[str, Output], links: Iterable[Link], source: str, gaps: list[Gap]
) -> IpvsTable:
    """The tables; what cannot be read becomes a gap, and so does a missing table where kube-proxy's
    device says that there is one."""
    try:
        for commands, read in _KINDS:
            command = _first(outputs, commands)
            if command:
                servers = read(outputs[command].stdout, command)
                return IpvsTable(servers, _connections(outputs))
    except ParseError as error:
        gaps.append(Gap("ipvs", f"{source}: {error}"))
        return IpvsTable()
    if any(link.name == _DEVICE for link in links):
        gaps.append(Gap("ipvs", f"{source}: /proc/net/ip_vs was not collected"))
    return IpvsTable()


def _first(outputs: Mapping[str, Output], commands: Iterable[str]) -> str:
    usable = (name for name in commands if name in outputs and not outputs[name].rc)
    return next(usable, "")


def _connections(outputs: Mapping[str, Output]) -> tuple[VirtualConnection, ...]:
    command = _first(outputs, _CONNECTIONS)
    return read_connections(outputs[command].stdout, command) if command else ()
