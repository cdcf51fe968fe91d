"""Random small rulesets, and packets that have a chance to match them."""

from __future__ import annotations

import random

from skoop.model.address import Family, parse_ip
from skoop.model.packet import Icmp, Packet, Proto, TcpFlag
from tests.netstack.iptables.kernelrig import CLIENT_SIDE, PORTS, SERVER, SERVER_SIDE

SOURCES = ("10.77.1.2", "10.77.1.3", "10.88.0.5")
REMOTE = (SERVER, "10.77.2.3", "10.99.0.7")
LOCAL = (CLIENT_SIDE, SERVER_SIDE)
SPORTS = (1234, 5353, 40000)
CHAINS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
}
INCOMING, OUTGOING = ("PREROUTING", "INPUT", "FORWARD"), ("FORWARD", "OUTPUT", "POSTROUTING")
SETS = """create ip hash:ip
add ip 10.77.1.2
add ip 10.77.2.2
create masked hash:ip netmask 24
add masked 10.77.1.0
create nets hash:net
add nets 10.77.0.0/16
add nets 10.77.1.0/24 nomatch
add nets 10.77.1.3
add nets 10.99.0.0/24
create port bitmap:port range 0-65535
add port 80
add port 5353
create ipport hash:ip,port
add ipport 10.77.2.2,tcp:80
add ipport 10.77.2.2,udp:53
add ipport 10.77.1.2,udp:1234
add ipport 10.77.2.3,icmp:echo-request
create ipportip hash:ip,port,ip
add ipportip 10.77.2.2,udp:53,10.77.1.2
add ipportip 10.77.2.3,tcp:443,10.88.0.5
create ipportnet hash:ip,port,net
add ipportnet 10.77.2.2,tcp:80,10.77.1.0/24
add ipportnet 10.77.2.2,tcp:80,10.77.1.3 nomatch
create netport hash:net,port
add netport 10.77.2.0/24,udp:53
add netport 10.99.0.0/16,tcp:443
create netiface hash:net,iface
add netiface 10.77.0.0/16,rc
add netiface 10.77.1.3,rc nomatch
add netiface 0.0.0.0/0,rs
create bits bitmap:ip range 10.77.1.0/24
add bits 10.77.1.2
add bits 10.77.1.1
create any list:set
add any ip
add any nets
"""
DIMENSIONS = {
    "ip": 1, "masked": 1, "nets": 1, "port": 1, "ipport": 2, "ipportip": 3, "ipportnet": 3,
    "netport": 2, "netiface": 2, "bits": 1, "any": 1,
}  # fmt: skip


class Generator:
    """Rulesets and packets from one seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.rules = 0

    def pick(self, *values: str) -> str:
        return self.draw.choice(values)

    def maybe_not(self) -> str:
        return self.pick("", "", "! ")

    def address(self) -> str:
        base = self.draw.choice((*SOURCES, *REMOTE, *LOCAL))
        return f"{base}/{self.draw.choice((8, 15, 24, 31, 32, '255.255.0.255'))}"

    def head(self, chain: str) -> tuple[str, str]:
        """Conditions of a rule, and its protocol."""
        parts: list[str] = []
        if self.draw.random() < 0.3:
            parts.append(f"{self.maybe_not()}-s {self.address()}")
        if self.draw.random() < 0.3:
            parts.append(f"{self.maybe_not()}-d {self.address()}")
        if chain in INCOMING and self.draw.random() < 0.2:
            parts.append(f"{self.maybe_not()}-i {self.pick('rc', 'r+', 'rs', 'x+', 'rcc')}")
        if chain in OUTGOING and self.draw.random() < 0.2:
            parts.append(f"{self.maybe_not()}-o {self.pick('rs', 'r+', 'rc', 'lo')}")
        proto = self.pick("", "", "tcp", "udp", "icmp")
        if proto:
            parts.append(f"-p {proto}")
        elif self.draw.random() < 0.1:
            parts.append(f"! -p {self.pick('tcp', 'udp')}")
        return " ".join(parts), proto

    def port(self) -> str:
        low = self.draw.choice((*PORTS, *SPORTS))
        return self.pick(str(low), f"{low - 1}:{low + 100}", f":{low}", f"{low}:")

    def by_protocol(self, proto: str) -> str:
        if proto == "icmp":
            return f"-m icmp {self.maybe_not()}--icmp-type {self.pick('8', '8/0', '3', 'any')}"
        side = self.pick("sport", "dport")
        if proto == "tcp" and self.draw.random() < 0.3:
            flags = self.pick("SYN,ACK SYN", "FIN,SYN,RST,ACK SYN", "ALL ACK", "ACK,FIN NONE")
            return f"-m tcp {self.maybe_not()}--tcp-flags {flags}"
        if self.draw.random() < 0.4:
            listed = ",".join(str(self.draw.choice((*PORTS, *SPORTS))) for _ in range(3))
            kind = self.pick("sports", "dports", "ports")
            return f"-m multiport {self.maybe_not()}--{kind} {listed},1000:2000"
        return f"-m {proto} {self.maybe_not()}--{side} {self.port()}"

    def set_match(self) -> str:
        name = self.draw.choice(tuple(DIMENSIONS))
        count = DIMENSIONS[name] + self.draw.choice((-1, 0, 0, 0, 0, 1))
        directions = ",".join(self.pick("src", "dst") for _ in range(max(1, min(count, 3))))
        return f"-m set {self.maybe_not()}--match-set {name} {directions}"

    def state(self) -> str:
        states = self.pick("NEW", "ESTABLISHED,RELATED", "INVALID", "UNTRACKED", "DNAT,NEW", "SNAT")
        tests = [f"{self.maybe_not()}--ctstate {states}"] if self.draw.random() < 0.7 else []
        more = (
            f"--ctproto {self.pick('tcp', '17')}",
            f"--ctorigsrc {self.address()}",
            f"--ctorigdst {self.address()}",
            f"--ctreplsrc {self.address()}",
            f"--ctrepldst {self.address()}",
            f"--ctorigdstport {self.draw.choice(PORTS)}",
            f"--ctreplsrcport {self.draw.choice(PORTS)}",
            f"--ctstatus {self.pick('NONE', 'ASSURED', 'SEEN_REPLY,EXPECTED')}",
        )
        if not tests or self.draw.random() < 0.4:
            tests.append(f"{self.maybe_not()}{self.draw.choice(more)}")
        return f"-m conntrack {' '.join(tests)}"

    def general(self, chain: str, table: str) -> str:
        no, draw = self.maybe_not(), self.draw
        choices = [
            f"-m mark {no}--mark {draw.randrange(4)}/{draw.choice((1, 2, 3, 255))}",
            f"-m connmark {no}--mark {draw.randrange(3)}/{draw.choice((1, 3))}",
            f"-m addrtype {no}--dst-type {self.pick('LOCAL', 'UNICAST', 'LOCAL,UNICAST')}",
            f"-m addrtype {no}--src-type {self.pick('LOCAL', 'UNICAST', 'MULTICAST')}",
            f"-m iprange {no}--src-range 10.77.1.0-{self.pick('10.77.1.2', '10.88.255.255')}",
            f"-m iprange {no}--dst-range 10.77.2.2-{self.pick('10.77.2.2', '10.99.255.255')}",
            f"-m length {no}--length {self.pick('0:59', '60', '61:', '28:100')}",
            f"-m ttl --ttl-{self.pick('eq', 'lt', 'gt')} {draw.choice((9, 10, 64, 63))}",
            f"-m tos {no}--tos {self.pick('0x10', '0x08/0x3f', '0x00')}",
            f"-m dscp {no}--dscp {self.pick('0x02', '0x2e', '0x00')}",
            f"-m pkttype {no}--pkt-type {self.pick('unicast', 'multicast')}",
            f"-m statistic --mode random {no}--probability {self.pick('0', '1')}",
            "-m policy --dir in --pol none" if chain in INCOMING else "-m limit --limit 9999/s",
            f"-m hashlimit --hashlimit-{self.pick('above', 'upto')} 9999/sec --hashlimit-name h",
            f"-m connlimit --connlimit-{self.pick('above', 'upto')} {self.pick('0', '500')}",
            f"-m recent {self.pick('--set')} --name KUBE-SEP-R{self.rules}",
            f"-m recent {self.maybe_not()}--rcheck --name KUBE-SEP-EMPTY{self.rules}",
            f"-m helper {no}--helper ftp",
            f"-m quota --quota {self.pick('99999')}",
            f"-m state {no}--state {self.pick('NEW', 'ESTABLISHED', 'UNTRACKED,INVALID')}",
            f"-m ecn --ecn-ip-ect {draw.randrange(3)}",
            self.set_match(),
            self.set_match(),
            self.set_match(),
            self.state(),
            self.state(),
        ]
        if chain in ("OUTPUT", "POSTROUTING"):
            choices.append("-m owner --socket-exists")
        if chain == "PREROUTING" and table in ("raw", "mangle"):
            more = self.pick("", "--loose ", "--accept-local ", "--validmark ")
            choices.append(f"-m rpfilter {more}{self.pick('', '--invert')}")
        if chain == "FORWARD":
            choices.append(f"-m physdev {no}--physdev-in rc")
        return draw.choice(choices)

    def target(self, table: str, chain: str, proto: str, callees: tuple[str, ...]) -> str:
        draw = self.draw
        value, mask = draw.randrange(4), draw.choice((1, 2, 3, 0xFF))
        choices = [
            "-j ACCEPT", "-j RETURN", "", f"-j MARK --set-xmark {value}/{mask}",
            f"-j MARK --{self.pick('or', 'and', 'xor')}-mark {value}",
            f"-j MARK --set-mark {value}",
            f"-j CONNMARK --set-xmark {value}/{mask}", "-j NFLOG --nflog-group 9",
            "-j CONNMARK --save-mark --nfmask 0x3 --ctmask 0x3",
            "-j CONNMARK --restore-mark --nfmask 0x1 --ctmask 0x3",
        ]  # fmt: skip
        choices += [f"-j {name}" for name in callees] * 2 + [f"-g {name}" for name in callees]
        if table in ("filter", "mangle") and draw.random() < 0.3:
            choices.append("-j DROP")
        if table == "mangle":
            choices += [
                f"-j TOS --set-tos {self.pick('0x10/0x3f', '0x08', 'Minimize-Cost')}",
                f"-j DSCP --set-dscp {self.pick('0x2e', '2')}",
                f"-j TTL --ttl-{self.pick('set 10', 'inc 1', 'dec 1')}",
            ]
            if chain in OUTGOING:
                choices.append("-j CLASSIFY --set-class 1:2")
        if table == "raw":
            choices += ["-j NOTRACK", "-j CT --notrack", f"-j CT --zone {value}"]
        if table == "nat":
            choices += self._translations(chain, proto)
        return draw.choice(choices)

    def _translations(self, chain: str, proto: str) -> list[str]:
        to = self.draw.choice(REMOTE)
        port = f":{self.draw.choice(PORTS)}" if proto in ("tcp", "udp") else ""
        if chain in ("PREROUTING", "OUTPUT"):
            found = [f"-j DNAT --to-destination {to}{port}", "-j NETMAP --to 10.77.2.4/31"]
            if proto == "udp" and chain == "PREROUTING":
                found.append(f"-j REDIRECT --to-ports {self.draw.choice(PORTS)}")
            if proto in ("tcp", "udp"):
                found.append(f"-j DNAT --to-destination {to}:8000-8099/80")
            return found
        if chain == "POSTROUTING":
            return ["-j MASQUERADE", f"-j SNAT --to-source {SERVER_SIDE}", "-j MASQUERADE"]
        if chain == "INPUT":
            return ["-j SNAT --to-source 10.88.0.9"]
        return []

    def rule(self, table: str, chain: str, hook: str, callees: tuple[str, ...]) -> str:
        """`hook` limits a user chain's rules to what its callers allow ("" for nothing special)."""
        head, proto = self.head(hook)
        name = f"r{self.rules}"
        self.rules += 1
        matches = [f"-m comment --comment {name}"]
        if proto and self.draw.random() < 0.6:
            matches.append(self.by_protocol(proto))
        matches += [self.general(hook, table) for _ in range(self.draw.choice((0, 0, 1, 1, 2)))]
        self.draw.shuffle(matches)
        target = self.target(table, hook, proto, callees)
        return " ".join(filter(None, (f"-A {chain}", head, *matches, target)))

    def ruleset(self) -> str:
        lines: list[str] = []
        for table, chains in CHAINS.items():
            users = tuple(f"{table}-u{n}" for n in range(4))
            lines.append(f"*{table}")
            lines += [f":{name} ACCEPT [0:0]" for name in chains]
            lines += [f":{name} - [0:0]" for name in users]
            for chain in chains:
                rules = self.draw.randrange(6)
                lines += [self.rule(table, chain, chain, users) for _ in range(rules)]
            for at, chain in enumerate(users):
                rules = self.draw.randrange(5)
                lines += [self.rule(table, chain, "", users[at + 1 :]) for _ in range(rules)]
            lines.append("COMMIT")
        return "\n".join(lines) + "\n"

    def packet(self) -> tuple[Packet, bool]:
        """A packet, and whether the router itself sends it. Nothing that would be answered."""
        draw = self.draw
        local = draw.random() < 0.25
        to_router = not local and draw.random() < 0.3
        proto = draw.choice(
            (Proto.UDP, Proto.ICMP) if to_router else (Proto.UDP, Proto.TCP, Proto.ICMP)
        )
        with_ports = proto is not Proto.ICMP
        source = draw.choice(LOCAL if local else SOURCES)
        packet = Packet(
            family=Family.V4,
            proto=proto,
            src=parse_ip(source)[1],
            dst=parse_ip(draw.choice(LOCAL if to_router else REMOTE))[1],
            sport=draw.choice(SPORTS) if with_ports else 0,
            dport=draw.choice(PORTS) if with_ports else 0,
            flags=draw.choice((TcpFlag.SYN, TcpFlag.ACK)) if proto is Proto.TCP else 0,
            icmp=Icmp(8, 0) if proto is Proto.ICMP else Icmp(),
            size=draw.choice((60, 61, 100)),
            ttl=draw.choice((64, 10)),
            tos=draw.choice((0, 0x10, 0xB8, 1)),
        )
        return packet, local
