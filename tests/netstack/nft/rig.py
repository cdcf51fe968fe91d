"""A client, a router with the rules under test, and a server, as three network namespaces."""

from __future__ import annotations

import json
import re
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from msgspec import Struct

from tests.lab import commands
from tests.lab.namespaces import Netns, create, inside
from tests.netstack.nft.rulegen import CLIENT, PORTS, ROUTER_C, ROUTER_S, SERVERS, Probe

STRAY = "10.77.9.9"
PATIENCE = 0.03
"""Seconds: a datagram crosses two veth pairs within the sender's system call."""
_ERRORS = (111, 113, 101)


class Seen(Struct, frozen=True):
    """What became of a datagram. `rules` are the numbers of the rules whose counters moved,
    `counted` those that have a counter at all."""

    result: str
    to: tuple[str, int]
    source: str
    rules: frozenset[int]
    counted: frozenset[int]


class Rig:
    """The three namespaces, with a socket for every address and port of router and server."""

    def __init__(self) -> None:
        self._ns = create(("client", "router", "server"))
        self._wire()
        self._sockets: dict[socket.socket, tuple[str, str, int]] = {}
        for where, addresses in (("router", (ROUTER_C, ROUTER_S)), ("server", (*SERVERS, STRAY))):
            for address in addresses:
                for port in PORTS:
                    with inside(self._ns[where]):
                        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    one.bind((address, port))
                    one.setblocking(False)
                    self._sockets[one] = (where, address, port)

    def _wire(self) -> None:
        client, router, server = self._ns["client"], self._ns["router"], self._ns["server"]
        for end, inner, peer in (("cc", "rc", client), ("ss", "rs", server)):
            commands.ip(router, f"link add {inner} type veth peer name {end} netns {peer.path}")
        commands.ip(
            router,
            "link set lo up",
            f"addr add {ROUTER_C}/24 dev rc",
            f"addr add {ROUTER_S}/24 dev rs",
            "link set rc up",
            "link set rs up",
        )
        commands.ip(client, f"addr add {CLIENT}/24 dev cc", "link set cc up", "link set lo up")
        commands.ip(server, *(f"addr add {one}/24 dev ss" for one in SERVERS), "link set ss up")
        commands.ip(server, "link set lo up", f"addr add {STRAY}/32 dev lo")
        commands.ip(client, f"route add default via {ROUTER_C}")
        commands.ip(server, f"route add default via {ROUTER_S}")
        commands.ip(router, f"route add 10.77.9.0/24 via {SERVERS[0]}")
        commands.sysctl(
            router,
            {"ipv4/ip_forward": 1, "ipv4/icmp_ratelimit": 0, "ipv4/icmp_msgs_per_sec": 10000},
        )

    def close(self) -> None:
        for one in self._sockets:
            one.close()
        for namespace in self._ns.values():
            namespace.close()

    @property
    def router(self) -> Netns:
        return self._ns["router"]

    def load(self, ruleset: str) -> str:
        """Load a ruleset without the rules that nft refuses; the text that was loaded."""
        lines = ["flush ruleset", *ruleset.splitlines()]
        while True:
            text = "\n".join(lines) + "\n"
            try:
                commands.nft(self.router, text)
            except commands.CommandError as error:
                found = re.search(r"stdin:(\d+):", str(error))
                if not found or "comment" not in lines[int(found[1]) - 1]:
                    raise
                del lines[int(found[1]) - 1]
            else:
                return text

    def listing(self, *options: str) -> str:
        return commands.run(self.router, ("nft", *options, "list", "ruleset"))

    def send(self, probe: Probe, *, local: bool = False) -> Seen:
        """Send one datagram, from the client or the router itself, and see what became of it."""
        commands.run(self.router, ("conntrack", "-F"))
        before = counters(self.listing("-j"))
        with inside(self._ns["router" if local else "client"]):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind((ROUTER_S if local else CLIENT, probe.sport))
            client.connect((probe.address, probe.port))
            # A drop in OUTPUT is told to the sender as EPERM.
            with suppress(PermissionError):
                client.send(struct.pack("B", 7) * probe.payload)
            result, to, source = self._await(client)
        after = counters(self.listing("-j"))
        moved = frozenset(rule for rule, count in after.items() if count > before[rule])
        return Seen(result, to, source, moved, frozenset(after))

    def _await(self, client: socket.socket) -> tuple[str, tuple[str, int], str]:
        deadline = time.monotonic() + PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([client, *self._sockets], [], [], left)
            for one in ready:
                if one is client:
                    error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if error in _ERRORS:
                        return "reject", ("", 0), ""
                    continue
                _, (source, _) = one.recvfrom(2048)
                where, address, port = self._sockets[one]
                return "local" if where == "router" else "forwarded", (address, port), source
        return "drop", ("", 0), ""


def counters(listing: str) -> dict[int, int]:
    """Packets by rule number, from `nft -j list ruleset`."""
    found = {}
    for entry in json.loads(listing)["nftables"]:
        rule = entry.get("rule", {})
        for one in rule.get("expr", ()):
            if "counter" in one and rule.get("comment", "").startswith("r"):
                found[int(rule["comment"][1:])] = one["counter"]["packets"]
    return found


@contextmanager
def rig() -> Iterator[Rig]:
    """A rig that is gone afterwards."""
    made = Rig()
    try:
        yield made
    finally:
        made.close()
