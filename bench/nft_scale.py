"""How nftables rulesets of kube-proxy scale: reading, compiling, and one packet's walk.

A ruleset of 10,000 Services and 50,000 endpoints in the form kube-proxy writes (a verdict map
from service address to a service chain, a random choice there, one chain per endpoint) is read and
walked. The peer, in the same run, evaluates the same JSON straightforwardly: the rules of a chain
in order, the elements of a map one by one.

    python bench/nft_scale.py [services] [endpoints per service]
"""

from __future__ import annotations

import json
import sys
import time

from skoop.model.address import Family, parse_ip
from skoop.model.packet import Packet
from skoop.netstack.conntrack import new_connection
from skoop.netstack.netfilter import Action, AddressType, FibAnswer, Hook, View
from skoop.netstack.nft import read_ruleset

LIMIT_READ_S = 2.0
LIMIT_WALK_S = 0.001
LIMIT_PEER = 50


class Elsewhere:
    """A host that owns none of the addresses."""

    def address_type(self, *_asked):
        return AddressType.UNICAST

    def fib(self, *_asked):
        return FibAnswer(AddressType.UNICAST, "eth0")

    def ipset(self, _name):
        return None

    def has_socket(self, _packet, **_asked):
        return False


def service_ip(number: int) -> str:
    return f"10.{96 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def endpoint_ip(number: int) -> str:
    return f"10.{200 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def _payload(field: str) -> dict:
    return {"payload": {"protocol": "ip", "field": field}}


def _match(left: dict, right: object, op: str = "==") -> dict:
    return {"match": {"op": op, "left": left, "right": right}}


_KEY = {
    "concat": [
        _payload("daddr"),
        {"meta": {"key": "l4proto"}},
        {"payload": {"protocol": "th", "field": "dport"}},
    ]
}
_MARK = {"meta": {"key": "mark"}}
_TABLE = {"family": "ip", "table": "kube-proxy"}


def _rule(chain: str, *expr: dict) -> dict:
    return {"rule": {**_TABLE, "chain": chain, "handle": 1, "expr": list(expr)}}


def _chain(name: str, **base: object) -> dict:
    return {"chain": {**_TABLE, "name": name, "handle": 1, **base}}


def ruleset(services: int, endpoints: int) -> list[dict]:
    """The entries of `nft -j list ruleset`."""
    entries: list[dict] = [
        {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
        {"table": {"family": "ip", "name": "kube-proxy", "handle": 1}},
    ]
    elements = []
    chains = [
        _chain("nat-prerouting", type="nat", hook="prerouting", prio=-100, policy="accept"),
        _chain("services"),
    ]
    rules = [
        _rule("nat-prerouting", {"jump": {"target": "services"}}),
        _rule("services", {"vmap": {"key": _KEY, "data": "@service-ips"}}),
    ]
    for number in range(services):
        name = f"service-{number:08X}-ns{number % 100}/svc{number}/tcp/http"
        address = service_ip(number)
        element = {"elem": {"val": {"concat": [address, "tcp", 80]}, "comment": name}}
        elements.append([element, {"goto": {"target": name}}])
        chains.append(_chain(name))
        choices = []
        for index in range(endpoints):
            backend = endpoint_ip(number * endpoints + index)
            target = f"endpoint-{number:08X}-ns/svc{number}/tcp/http__{backend}/8080"
            choices.append([index, {"goto": {"target": target}}])
            chains.append(_chain(target))
            mark = {"mangle": {"key": _MARK, "value": {"|": [_MARK, 16384]}}}
            rules.append(_rule(target, _match(_payload("saddr"), backend), mark))
            dnat = {"dnat": {"addr": backend, "port": 8080}}
            rules.append(_rule(target, _match({"meta": {"key": "l4proto"}}, "tcp"), dnat))
        numgen = {"numgen": {"mode": "random", "mod": endpoints, "offset": 0}}
        rules.append(_rule(name, {"vmap": {"key": numgen, "data": {"set": choices}}}))
    kind = ["ipv4_addr", "inet_proto", "inet_service"]
    entries.append({"map": {**_TABLE, "name": "service-ips", "type": kind, "handle": 1,
                            "map": "verdict", "elem": elements}})  # fmt: skip
    return entries + chains + rules


def peer_walk(entries: list[dict], packet: Packet) -> list[str]:
    """The same packet, without any index: every rule and element is looked at in turn."""

    def verdict(chain: str) -> list[str]:
        for entry in entries:
            rule = entry.get("rule")
            if rule is None or rule["chain"] != chain:
                continue
            for one in rule["expr"]:
                if "match" in one:
                    left, right = one["match"]["left"], one["match"]["right"]
                    value = packet.source if "payload" in left else "tcp"
                    if value != right:
                        break
                elif "jump" in one:
                    return verdict(one["jump"]["target"])
                elif "dnat" in one:
                    return [f"{one['dnat']['addr']}:{one['dnat']['port']}"]
                elif "vmap" in one and isinstance(one["vmap"]["data"], str):
                    for key, goto in service_elements:
                        if key["elem"]["val"]["concat"] == [
                            packet.destination,
                            "tcp",
                            packet.dport,
                        ]:
                            return verdict(goto["goto"]["target"])
                elif "vmap" in one:
                    choices = one["vmap"]["data"]["set"]
                    return [x for _, goto in choices for x in verdict(goto["goto"]["target"])]
        return []

    service_elements = next(entry["map"]["elem"] for entry in entries if "map" in entry)
    return verdict("nat-prerouting")


def main() -> int:
    services = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    endpoints = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    entries = ruleset(services, endpoints)
    text = json.dumps({"nftables": entries})
    began = time.perf_counter()
    read = read_ruleset(text, covered=frozenset(), source="bench")
    reading = time.perf_counter() - began
    (chain,) = read.chains

    def walk(number: int) -> tuple[float, set[str]]:
        family, source = parse_ip("10.244.0.9")
        destination = parse_ip(service_ip(number))[1]
        packet = Packet(family=family, proto=6, src=source, dst=destination, sport=40000, dport=80)
        view = View(hook=Hook.PREROUTING, host=Elsewhere(), ct=new_connection(packet), iif="cni0")
        start = time.perf_counter()
        outcomes = chain.evaluate(packet, view)
        took = time.perf_counter() - start
        assert all(outcome.action is Action.NAT for outcome in outcomes)
        found = {f"{endpoint(outcome.nat.low)}:{outcome.nat.port_low}" for outcome in outcomes}
        assert len(found) == endpoints
        return took, found

    def endpoint(address: int) -> str:
        return ".".join(str(byte) for byte in address.to_bytes(4, "big"))

    first, _ = walk(0)
    fresh = [walk(number)[0] for number in range(1, 201)]
    again = [walk(number)[0] for number in range(1, 201)]
    number = services // 2
    _, ours = walk(number)
    packet = Packet(
        family=Family.V4, proto=6, src=1, dst=parse_ip(service_ip(number))[1], sport=1, dport=80
    )
    began = time.perf_counter()
    theirs = set(peer_walk(entries, packet))
    peer = time.perf_counter() - began
    assert ours == theirs
    worst = sorted(fresh)[len(fresh) // 2]
    warm = sorted(again)[len(again) // 2]
    print(
        f"{services} services, {services * endpoints} endpoints, {len(text) / 1e6:.0f} MB of JSON"
    )
    print(f"read and check       {reading * 1000:9.1f} ms  (limit {LIMIT_READ_S * 1000:.0f} ms)")
    print(f"first walk           {first * 1000:9.2f} ms  (compiles the service map)")
    print(f"walk, new service    {worst * 1000:9.3f} ms  (limit {LIMIT_WALK_S * 1000:.0f} ms)")
    print(f"walk, known service  {warm * 1000:9.3f} ms")
    print(f"linear evaluator     {peer * 1000:9.1f} ms a walk, {peer / warm:.0f} times slower")
    fast = reading + first < LIMIT_READ_S and worst < LIMIT_WALK_S
    return 0 if fast and peer > LIMIT_PEER * worst else 1


if __name__ == "__main__":
    sys.exit(main())
