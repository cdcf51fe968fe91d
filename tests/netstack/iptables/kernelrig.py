"""A router with the rules under test between a client and a silent server, in namespaces."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from skoop.model.packet import Packet
from tests.lab import commands
from tests.lab.namespaces import create, inside
from tests.netstack.iptables.wire import from_bytes, to_bytes

CLIENT_SIDE, SERVER_SIDE = "10.77.1.1", "10.77.2.1"
SERVER = "10.77.2.2"
PORTS = (53, 80, 443, 8080, 30080)
_COUNTED = re.compile(r"\[(\d+):\d+\] .*--comment \"?(r\d+)\"?")
_ETHERTYPE = 0x0800
_PATIENCE = 0.01
_TABLES = ("raw", "mangle", "nat", "filter")


class Seen(NamedTuple):
    """Hits by rule name, and the packet as the server got it."""

    hits: Counter[str]
    arrived: Packet | None


class Rig:
    """Nothing answers: the server has no addresses, the router's UDP ports are bound."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self._ns = create(("client", "router", "server"))
        self.router = self._ns["router"]
        self._wire()
        self._sockets = [self._bound(port) for port in PORTS]
        self._mac = self._router_mac()
        self._client = self._packet_socket("client", "cc")
        self._server = self._packet_socket("server", "ss")
        self._server.settimeout(_PATIENCE)
        with inside(self.router):
            self._raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def _wire(self) -> None:
        client, router, server = (self._ns[one] for one in ("client", "router", "server"))
        for namespace in (client, router, server):
            commands.sysctl(namespace, {"ipv6/conf/all/disable_ipv6": 1})
        commands.ip(
            router,
            f"link add rc type veth peer name cc netns {client.path}",
            f"link add rs type veth peer name ss netns {server.path}",
            "link set lo up", "link set rc up", "link set rs up",
            f"addr add {CLIENT_SIDE}/24 dev rc", f"addr add {SERVER_SIDE}/24 dev rs",
        )  # fmt: skip
        commands.ip(client, "link set cc up")
        commands.ip(server, "link set ss address 02:00:00:00:00:02", "link set ss up")
        commands.ip(
            router,
            *(f"neigh add 10.77.2.{n} lladdr 02:00:00:00:00:02 dev rs" for n in range(2, 6)),
            f"route add default via {SERVER}",
        )
        commands.sysctl(
            router,
            {
                "ipv4/ip_forward": 1,
                "ipv4/conf/all/rp_filter": 0,
                "ipv4/conf/rc/rp_filter": 0,
                "ipv4/icmp_echo_ignore_all": 1,
            },
        )

    def _bound(self, port: int) -> socket.socket:
        with inside(self.router):
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("0.0.0.0", port))
        return one

    def _packet_socket(self, where: str, device: str) -> socket.socket:
        with inside(self._ns[where]):
            one = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETHERTYPE))
            one.bind((device, _ETHERTYPE))
        return one

    def _router_mac(self) -> str:
        shown = commands.run(self.router, ("ip", "-o", "link", "show", "rc"))
        found = re.search(r"link/ether (\S+)", shown)
        assert found, shown
        return found[1]

    def tool(self, name: str) -> str:
        return f"iptables-{self.backend}-{name}"

    def load(self, text: str) -> str:
        """Replace the rules; what the tool prints afterwards."""
        empty = "".join(f"*{table}\nCOMMIT\n" for table in _TABLES)
        commands.run(self.router, (self.tool("restore"),), text=empty)
        commands.run(self.router, (self.tool("restore"),), text=text)
        return self.save()

    def save(self) -> str:
        return commands.run(self.router, (self.tool("save"), "-c"))

    def load_sets(self, text: str) -> str:
        commands.run(self.router, ("ipset", "destroy"))
        commands.run(self.router, ("ipset", "restore"), text=text)
        return commands.run(self.router, ("ipset", "save"))

    def send(self, packet: Packet, *, local: bool) -> Seen:
        """One packet, from the client or from the router itself."""
        commands.run(self.router, ("conntrack", "-F"))
        before = hits(self.save())
        self._drain()
        data = to_bytes(packet)
        if local:
            with suppress(PermissionError):
                self._raw.sendto(data, (packet.destination, 0))
        else:
            mac = bytes.fromhex(self._mac.replace(":", ""))
            self._client.sendto(data, ("cc", _ETHERTYPE, 0, 0, mac))
        arrived = self._receive()
        return Seen(hits(self.save()) - before, arrived)

    def _drain(self) -> None:
        self._server.setblocking(False)
        try:
            while self._server.recv(4096):
                pass
        except BlockingIOError:
            self._server.settimeout(_PATIENCE)

    def _receive(self) -> Packet | None:
        try:
            return from_bytes(self._server.recv(4096))
        except TimeoutError:
            return None

    def close(self) -> None:
        for one in (*self._sockets, self._client, self._server, self._raw):
            one.close()
        for namespace in self._ns.values():
            namespace.close()


def hits(saved: str) -> Counter[str]:
    """Packets by the rules' names, which are their comments."""
    counted: Counter[str] = Counter()
    for packets, name in _COUNTED.findall(saved):
        counted[name] += int(packets)
    return counted


@contextmanager
def rig(backend: str) -> Iterator[Rig]:
    """A rig that is gone afterwards."""
    made = Rig(backend)
    try:
        yield made
    finally:
        made.close()
