"""Rule dumps -> rule sets, by the engines that know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from msgspec.structs import replace

from skoop.errors import ParseError
from skoop.model.address import Family
from skoop.netstack.dump.cache import ReadCache
from skoop.netstack.dump.output import Output
from skoop.netstack.netfilter import Membership, Ruleset
from skoop.netstack.state import Gap

NFT = "nft -j list ruleset"
LEGACY_NAMES = {Family.V4: "/proc/net/ip_tables_names", Family.V6: "/proc/net/ip6_tables_names"}
_BINARIES = {Family.V4: "iptables", Family.V6: "ip6tables"}
_NFT_FAMILY = {Family.V4: "ip", Family.V6: "ip6"}


def read_firewalls(
    outputs: Mapping[str, Output], source: str, cache: ReadCache
) -> tuple[tuple[Ruleset, ...], tuple[Gap, ...]]:
    """The rule sets of every backend, and what could not be seen. A dump without rules and with
    only ACCEPT policies decides nothing and costs nothing."""
    rulesets: list[Ruleset] = []
    gaps: list[Gap] = []
    covered: set[tuple[str, str]] = set()
    for family in (Family.V4, Family.V6):
        for backend in ("legacy", "nft"):
            text, why = _saved(outputs, family, backend)
            if why:
                gaps.append(Gap("rulesets", f"{source}: {why}"))
            if backend == "nft":
                covered |= _covered(text, family, cache)
            if is_trivial(text):
                continue
            read = partial(_iptables, text, backend, family)
            _add(rulesets, gaps, partial(cache.read, f"{backend} {family}", text, read), source)
    _read_nft(outputs, rulesets, gaps, frozenset(covered), source, cache)
    return tuple(rulesets), tuple(gaps)


def is_trivial(text: str) -> bool:
    """Whether an iptables-save text can do nothing: no rule, no policy but ACCEPT."""
    for line in text.split("\n"):
        if line.startswith((":", "#", "*", "COMMIT")) or not line.strip():
            if line.startswith(":") and " DROP" in line:
                return False
            continue
        return False
    return True


def _saved(outputs: Mapping[str, Output], family: Family, backend: str) -> tuple[str, str]:
    """The dump of a backend ("" if it has none), and why it is not known ("" if it is)."""
    binary = _BINARIES[family]
    command = f"{binary}-{backend}-save"
    output = outputs.get(command)
    if output is not None and output.rc == 0:
        return output.stdout, ""
    plain = outputs.get(f"{binary}-save")
    if plain is not None and plain.rc == 0 and backend_of(outputs, family) == backend:
        return plain.stdout, ""
    if backend == "legacy":
        names = outputs.get(LEGACY_NAMES[family])
        if names is not None and not names.rc and not names.stdout.strip():
            return "", ""
    elif _nft_is_seen(outputs):
        return "", ""
    return "", _why(command, output)


def backend_of(outputs: Mapping[str, Output], family: Family) -> str:
    """Which backend the plain `iptables-save` is: its version says "(legacy)" or "(nf_tables)";
    before 1.8 there was only legacy."""
    version = outputs.get(f"{_BINARIES[family]} --version") or outputs.get("iptables --version")
    if version is None or version.rc:
        return ""
    return "nft" if "nf_tables" in version.stdout else "legacy"


def _nft_is_seen(outputs: Mapping[str, Output]) -> bool:
    """nft lists the tables of iptables-nft too (though their xt matches only by name)."""
    output = outputs.get(NFT)
    return (output is not None and output.rc == 0) or _no_nft_tables(outputs)


def _no_nft_tables(outputs: Mapping[str, Output]) -> bool:
    """Whether nf_tables is empty here, so that nothing else of it was asked for."""
    tables = outputs.get("nft list tables")
    return tables is not None and not tables.rc and not tables.stdout.strip()


def _why(command: str, output: Output | None) -> str:
    return f"{command} {output.failure}" if output is not None else f"{command} was not collected"


def _covered(text: str, family: Family, cache: ReadCache) -> set[tuple[str, str]]:
    """The nft tables that a dump of iptables-nft shows better; none when it cannot be read, which
    is a gap when its rules are."""
    if not text.strip():
        return set()
    from skoop.netstack.iptables import covered_tables

    try:
        names = cache.read("covered", text, lambda: covered_tables(text))
    except ParseError:
        return set()
    return {(_NFT_FAMILY[family], name) for name in names}


def _iptables(text: str, backend: str, family: Family) -> Ruleset:
    from skoop.netstack.iptables import read_ruleset

    engine = f"iptables-{backend}"
    read = read_ruleset(
        text, engine=engine, family=family, source=f"{_BINARIES[family]}-{backend}-save"
    )
    return replace(read, engine=engine, family=family, text=text)


def _read_nft(
    outputs: Mapping[str, Output],
    rulesets: list[Ruleset],
    gaps: list[Gap],
    covered: frozenset[tuple[str, str]],
    source: str,
    cache: ReadCache,
) -> None:
    output = outputs.get(NFT)
    if output is None and _no_nft_tables(outputs):
        return
    if output is None or output.rc:
        gaps.append(Gap("rulesets", f"{source}: {_why(NFT, output)}"))
        return
    text = output.stdout
    if '"chain"' not in text and '"nftables"' in text:
        return
    kind = f"nft {sorted(covered)}"
    _add(rulesets, gaps, partial(cache.read, kind, text, partial(_nft, text, covered)), source)


def _nft(text: str, covered: frozenset[tuple[str, str]]) -> Ruleset:
    from skoop.netstack.nft import read_ruleset

    return replace(read_ruleset(text, covered=covered, source=NFT), engine="nft", text=text)


def _add(
    rulesets: list[Ruleset], gaps: list[Gap], read: Callable[[], Ruleset], source: str
) -> None:
    try:
        rulesets.append(read())
    except ParseError as error:
        gaps.append(Gap("rulesets", f"{source}: {error}"))


def read_sets(
    outputs: Mapping[str, Output], source: str, cache: ReadCache, *, needed: bool
) -> tuple[dict[str, Membership], tuple[Gap, ...]]:
    """ipset's sets by name. They are only missed where there are rules that could ask for one."""
    output = outputs.get("ipset save")
    if not needed and (output is None or output.rc):
        return {}, ()
    if output is None or output.rc:
        return {}, (Gap("ipsets", f"{source}: {_why('ipset save', output)}"),)
    text = output.stdout
    if not text.strip():
        return {}, ()
    from skoop.netstack.ipset import read_ipsets

    try:
        return cache.read("ipset", text, lambda: read_ipsets(text, "ipset save")), ()
    except ParseError as error:
        return {}, (Gap("ipsets", f"{source}: {error}"),)
