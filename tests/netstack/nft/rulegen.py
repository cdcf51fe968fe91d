"""Random small nft rulesets for a router between a client and a server.

Every rule counts and then does something that leaves a trace, so the kernel's counters and the
simulator's `Fired` name the same rules: rule N has the comment "rN".
"""

from __future__ import annotations

from random import Random

from msgspec import Struct

CLIENT, ROUTER_C, ROUTER_S = "10.77.1.2", "10.77.1.1", "10.77.2.1"
SERVERS = ("10.77.2.2", "10.77.2.3")
PORTS = (5001, 5002, 5003)

_ADDRESSES = (CLIENT, ROUTER_C, ROUTER_S, *SERVERS, "10.77.9.9")
_NETS = ("10.77.1.0/24", "10.77.2.0/24", "10.77.0.0/16", "192.168.0.0/16", "10.77.2.2/31")
_MATCHES = (
    "ip saddr {a}",
    "ip daddr {a}",
    "ip daddr != {a}",
    "ip saddr != {a}",
    "ip daddr {n}",
    "ip saddr {n}",
    "ip daddr {{ {a}, 10.1.0.0/16 }}",
    "ip saddr != {{ {a}, {a2} }}",
    "ip daddr 10.77.2.1-10.77.2.2",
    "ip daddr @nets",
    "ip saddr != @nets",
    "ip daddr @hosts",
    "ip daddr . meta l4proto . th dport @services",
    "ip saddr . udp dport @ranges",
    "ip saddr . udp dport {{ {n} . {p}, 10.0.0.0/8 . 5003-6000 }}",
    "udp dport {p}",
    "udp dport != {p}",
    "udp dport 5001-5002",
    "udp dport {{ {p}, 6000-7000 }}",
    "udp dport < {p}",
    "udp dport >= {p}",
    "th dport {p}",
    "udp sport {s}",
    "udp sport > 40000",
    "udp length {ul}",
    "tcp dport {p}",
    "meta l4proto udp",
    "meta l4proto {{ tcp, udp }}",
    "meta l4proto != udp",
    "ip protocol udp",
    "ip6 saddr ::1",
    "ip6 nexthdr udp",
    "meta nfproto ipv4",
    "meta protocol ip",
    "meta mark & 0x{m:x} != 0",
    "meta mark & 0x{m:x} == 0x{m:x}",
    "meta mark 0",
    "meta mark != 0",
    "meta mark {{ 0, 1, 2-7 }}",
    "ct mark & 1 == 0",
    "ct mark 0",
    "ct state new",
    "ct state established,related",
    "ct state != invalid",
    "ct state {{ new, untracked }}",
    "ct status dnat",
    "ct status & dnat == 0",
    "ct direction original",
    "ct original ip daddr {a}",
    "meta l4proto udp ct original proto-dst {p}",
    "ct reply ip saddr {a}",
    "meta l4proto udp ct reply proto-dst {s}",
    "ct zone 0",
    "ct original ip saddr {n}",
    'iifname "rc"',
    'iifname "r*"',
    'iifname != "rc"',
    'iifname {{ "lo", "r*" }}',
    'iif "rc"',
    'oifname "rs"',
    "iifname @names",
    "fib daddr type local",
    "fib saddr type unicast",
    "fib daddr type {{ local, broadcast }}",
    "fib saddr . iif oif exists",
    "fib saddr . iif oif missing",
    'fib daddr oif "rs"',
    'fib daddr oifname "rs"',
    "fib daddr . iif type local",
    "fib saddr oif exists",
    "meta length {len}",
    "meta length > {len}",
    "ip length {len}",
    "ip ttl 64",
    "ip ttl <= 63",
    "ip dscp 0",
    "ip dscp cs1",
    "ip version 4",
    "ip hdrlength 5",
    "meta skuid 0",
    "meta pkttype host",
    "meta pkttype {{ broadcast, multicast }}",
    "icmp type echo-request",
    "tcp flags syn",
    'ct helper "ftp"',
    "limit rate 1000/second",
    "limit rate over 1000/second",
    "quota 100 mbytes",
    "quota over 100 mbytes",
    "exthdr hbh exists",
    "@th,16,16 {p}",
    "@nh,96,32 0x0a4d0102",
    "ip saddr & 0.0.0.255 == 0.0.0.2",
    "numgen random mod 2 == 0",
    "numgen inc mod 3 < 2",
    "jhash ip saddr mod 4 == 1",
)
_MARKS = (
    "meta mark set meta mark | 0x{m:x}",
    "meta mark set 0x{m:x}",
    "meta mark set meta mark ^ 0x{m:x}",
    "ct mark set meta mark",
    "ct mark set ct mark | 0x{m:x}",
    "meta mark set ct mark",
    "meta mark set meta mark & 0xfffffff0 | 0x{m:x}",
    "ip dscp set cs1",
    "ip ttl set 9",
    "meta mark set ip daddr map {{ {a} : 5, {n3} : 6 }}",
    "meta mark set numgen random mod 2 offset 1",
    "meta mark set ip daddr map @marks",
)
_ENDS = (
    "accept",
    "drop",
    "reject",
    "reject with icmp host-prohibited",
    "reject with icmpx admin-prohibited",
    "return",
    "jump sub1",
    "goto sub1",
    "jump sub2",
    "goto sub2",
    "jump sub1",
    "jump sub2",
    "udp dport vmap {{ 5001 : jump sub1, 5003 : goto sub2 }}",
    "ip daddr . udp dport vmap @verdicts",
    "ip saddr vmap {{ {n} : accept, 10.99.0.0/16 : drop }}",
    "numgen random mod 3 vmap {{ 0 : jump sub1, 1 : goto sub2 }}",
)
_DNATS = (
    "dnat ip to 10.77.2.3",
    "udp dport {p} dnat ip to 10.77.2.3:5002",
    "redirect",
    "udp dport {p} redirect to :5003",
    "meta l4proto udp dnat ip to numgen random mod 2 map {{ 0 : 10.77.2.2, 1 : 10.77.2.3 }}",
    "dnat ip to ip daddr map {{ 10.77.9.9 : 10.77.2.2, {a} : 10.77.2.3 }}",
    "dnat ip addr . port to ip daddr . udp dport map {{ 10.77.9.9 . {p} : 10.77.2.3 . 5001 }}",
    "dnat ip addr . port to ip daddr . udp dport map @backends",
    "udp dport {p} dnat ip to 10.77.2.2 : udp dport map {{ 5001 : 5002, 5002 : 5003 }}",
    "dnat ip6 to fd00::1",
    "jump natsub",
    "goto natsub",
    "accept",
    "return",
)
_SNATS = (
    "masquerade",
    "snat ip to 10.77.2.1",
    "masquerade fully-random",
    "jump postsub",
    "accept",
    "snat ip to ip saddr map {{ {a} : 10.77.2.1 }}",
    "return",
    "snat ip6 to fd00::1",
)
_ALWAYS = (
    "accept",
    "drop",
    "reject",
    "return",
    "jump",
    "goto",
    "masquerade",
    "redirect",
    "dnat ip to 10",
    "snat ip to 10",
)
"""Ends that leave a trace whenever their matches hold: only these rules' counters are compared."""
_OBJECTS = """
  set nets {
    type ipv4_addr
    flags interval
    elements = { 10.77.2.0/25, 10.77.1.2-10.77.1.9 }
  }
  set hosts {
    type ipv4_addr
    flags timeout
    elements = { 10.77.2.3 timeout 1h, 10.77.9.9 }
  }
  set names {
    type ifname
    elements = { "rc", "lo" }
  }
  set services {
    type ipv4_addr . inet_proto . inet_service
    elements = { 10.77.2.2 . udp . 5001, 10.77.9.9 . udp . 5002, 10.77.2.2 . tcp . 5002 }
  }
  set ranges {
    type ipv4_addr . inet_service
    flags interval
    elements = { 10.77.1.0/24 . 5001-5002, 10.77.0.0/24 . 5003 }
  }
  set seen {
    type ipv4_addr
    size 100
    flags dynamic,timeout
    timeout 1m
  }
  map marks {
    type ipv4_addr : mark
    flags interval
    elements = { 10.77.2.0/24 : 0x8, 10.77.9.9 : 0x9 }
  }
  map verdicts {
    type ipv4_addr . inet_service : verdict
    elements = { 10.77.2.2 . 5001 : jump sub1, 10.77.9.9 . 5002 : goto sub2,
                 10.77.2.3 . 5003 : drop }
  }
  map backends {
    type ipv4_addr . inet_service : ipv4_addr . inet_service
    elements = { 10.77.9.9 . 5001 : 10.77.2.2 . 5003, 10.77.9.9 . 5002 : 10.77.2.3 . 5001 }
  }
"""


class Probe(Struct, frozen=True):
    """One datagram from the client."""

    address: str
    port: int
    sport: int
    payload: int


class Generator:
    """A ruleset and probes from a seed, for forwarded packets or for the router's own."""

    def __init__(self, seed: int, *, local: bool = False) -> None:
        self.local = local
        self.random = Random(seed)
        self.count = 0

    def _fill(self, template: str) -> str:
        pick = self.random.choice
        length = pick((28, 38, 48))
        first, second = self.random.sample(_ADDRESSES, 2)
        return template.format(
            a=first,
            a2=second,
            n=pick(_NETS),
            n3="10.77.9.9" if first != "10.77.9.9" else CLIENT,
            p=pick(PORTS),
            s=pick((33333, 44444)),
            m=1 << self.random.randrange(4),
            len=length,
            ul=length - 20,
        )

    def _rule(self, ends: tuple[str, ...], end_share: float) -> str:
        pool = tuple(m for m in _MATCHES if "skuid" not in m) if self.local else _MATCHES
        matches = self.random.sample(pool, self.random.choice((0, 1, 1, 1, 2, 2)))
        parts = [self._fill(match) for match in matches]
        if self.random.random() < 0.1:
            parts.append("update @seen { ip saddr }")
            parts.append(
                self.random.choice(("ip saddr @seen", "ip saddr != @seen", "ip daddr @seen"))
            )
        end = self.random.random() < end_share
        act = self._fill(self.random.choice(ends if end else _MARKS))
        if end and act.startswith(_ALWAYS):
            parts += ["counter", act]
        elif end or act.startswith("ct mark"):
            parts.append(act)
        else:
            parts += [act, "counter"]
        self.count += 1
        return f'    {" ".join(parts)} comment "r{self.count}"'

    def _chain(self, name: str, base: str, ends: tuple[str, ...], share: float) -> str:
        rules = [self._rule(ends, share) for _ in range(self.random.randint(1, 4))]
        head = f"    {base}" if base else ""
        body = "\n".join(line for line in (head, *rules) if line)
        return f"  chain {name} {{\n{body}\n  }}"

    def ruleset(self) -> str:
        """Text for `nft -f`."""
        plain = tuple(end for end in _ENDS if "sub" not in end and "@verdicts" not in end)
        upper = tuple(end for end in _ENDS if "sub1" not in end and "@verdicts" not in end)
        no_call = tuple(end for end in _DNATS if "natsub" not in end)
        entry = self._sending(no_call) if self.local else self._receiving()
        chains = (
            self._chain("sub2", "", plain, 0.3),
            self._chain("sub1", "", upper, 0.3),
            self._chain("natsub", "", no_call, 0.6),
            self._chain("postsub", "", ("masquerade", "snat ip to 10.77.2.1", "return"), 0.6),
            *entry,
            self._chain("npost", "type nat hook postrouting priority 100;", _SNATS, 0.7),
        )
        family = self.random.choice(("ip", "inet", "inet"))
        return f"table {family} t {{{_OBJECTS}" + "\n".join(chains) + "\n}\n"

    def _receiving(self) -> tuple[str, ...]:
        prio = self.random.choice(("-350", "-150", "-99", "0"))
        policy = self.random.choice(("accept", "accept", "accept", "drop"))
        forward = f"type filter hook forward priority 0; policy {policy};"
        return (
            self._chain("pre", f"type filter hook prerouting priority {prio};", _ENDS, 0.3),
            self._chain("npre", "type nat hook prerouting priority -100;", _DNATS, 0.7),
            self._chain("inp", "type filter hook input priority 0;", _ENDS, 0.3),
            self._chain("forw", forward, _ENDS, 0.4),
        )

    def _sending(self, dnats: tuple[str, ...]) -> tuple[str, ...]:
        """Chains for the router's own packets. The ICMP of its rejects passes them too, uncounted;
        a redirect would lead back through PREROUTING."""
        kind = self.random.choice(("filter", "route"))
        prio = self.random.choice(("-350", "-150", "-99", "0"))
        remote = tuple(end for end in dnats if "redirect" not in end)
        head = f"type {kind} hook output priority {prio};\n    meta l4proto icmp accept"
        return (
            self._chain("out", head, _ENDS, 0.3),
            self._chain("nout", "type nat hook output priority -100;", remote, 0.7),
        )

    def probe(self) -> Probe:
        """A datagram to any address the router could meet."""
        routers = (ROUTER_C, ROUTER_S)
        return Probe(
            self.random.choice((*SERVERS, "10.77.9.9", *(() if self.local else routers))),
            self.random.choice(PORTS),
            self.random.choice((33333, 44444)),
            self.random.choice((0, 10, 20)),
        )
