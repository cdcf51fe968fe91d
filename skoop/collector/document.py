"""What agent.sh prints -> NodeDocument. The head of agent.sh describes the chunks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from skoop.errors import ParseError
from skoop.netstack.dump import Output
from skoop.snapshot import NamespaceDump, NamespaceKind, NodeDocument
from skoop.snapshot.nsids import with_nsids

AGENT_VERSION = "1"
AGENT_FILE = ".agent"
"""The ending of files that hold what the agent printed."""
_SYSCTLS = "grep sysctl"
_SWAPPED = str.maketrans("./", "/.")
_HEAD = re.compile(rb"\s*skoop-agent (\d{1,4}) ([0-9A-Za-z-]{16,64})\n")


class _Chunk(Struct, frozen=True):
    """One mark: its word, the rest of its line, and the text up to the next mark."""

    line: int
    word: str
    argument: str
    text: str


class _Building(Struct):
    """One namespace as its chunks come in."""

    head: NamespaceDump
    outputs: dict[str, Output]


def parse_agent_output(data: bytes, node: str, source: str) -> NodeDocument:
    """A node's document from everything the agent printed. Raises ParseError, also when the text
    ends before the agent said that it was done."""
    match = _HEAD.match(data)
    if match is None:
        raise ParseError(source, 1, "not the output of the agent", _shown(data[:200]))
    if match[1].decode() != AGENT_VERSION:
        raise ParseError(source, 1, f"agent version {match[1].decode()}, not {AGENT_VERSION}")
    notes: list[str] = []
    found: list[_Building] = []
    chunks = list(_chunks(data, match, source))
    if not chunks or chunks[-1].word != "end":
        raise ParseError(source, data.count(b"\n"), "cut off: the agent did not finish")
    for chunk, following in zip(chunks, [*chunks[1:], None], strict=True):
        if chunk.word == "note":
            notes.append(chunk.argument)
        elif chunk.word == "ns":
            found.append(_Building(_namespace(chunk, source), {}))
        elif chunk.word in ("out", "batch"):
            if not found:
                raise ParseError(source, chunk.line, "output before any namespace", chunk.argument)
            _take(chunk, following, found[-1].outputs, notes, source)
        elif chunk.word not in ("rc", "end"):
            raise ParseError(source, chunk.line, "unknown mark", chunk.word)
    dumps = _unique(found, notes)
    if not any(dump.kind is NamespaceKind.HOST for dump in dumps):
        raise ParseError(source, 0, "nothing about the node itself")
    return NodeDocument(
        node=node, collector=AGENT_VERSION, notes=tuple(notes), namespaces=with_nsids(dumps)
    )


def _chunks(data: bytes, match: re.Match[bytes], source: str) -> Iterator[_Chunk]:
    mark = b"\n@" + match[2] + b" "
    position = data.find(mark, match.end() - 1)
    if position < 0 or data[match.end() : position].strip():
        raise ParseError(source, 2, "no marks in the agent's output")
    line, counted = 1, 0
    while position >= 0:
        line += data.count(b"\n", counted, position)
        counted = position
        start = position + len(mark)
        position = data.find(mark, start)
        head, _, text = data[start : position if position >= 0 else len(data)].partition(b"\n")
        word, _, argument = _shown(head).partition(" ")
        yield _Chunk(line + 1, word, argument, _shown(text))


def _shown(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _namespace(chunk: _Chunk, source: str) -> NamespaceDump:
    words = chunk.argument.split(" ")
    kind, inode = words[0], words[1] if len(words) > 1 else ""
    if not (inode.isascii() and inode.isdigit() and len(inode) < 20):
        raise ParseError(source, chunk.line, "a namespace without inode", chunk.argument)
    if kind == "host":
        return NamespaceDump(kind=NamespaceKind.HOST, outputs={}, inode=int(inode))
    namespace, slash, pod = words[-1].partition("/")
    if kind != "pod" or len(words) != 4 or not slash or not namespace or not pod:
        raise ParseError(source, chunk.line, "neither host nor pod", chunk.argument)
    return NamespaceDump(
        kind=NamespaceKind.POD,
        outputs={},
        namespace=namespace,
        pod=pod,
        uid="" if words[2] == "-" else words[2],
        inode=int(inode),
    )


def _take(
    chunk: _Chunk,
    following: _Chunk | None,
    outputs: dict[str, Output],
    notes: list[str],
    source: str,
) -> None:
    """Put a command's output under its name. A command without its `rc` mark was cut short when its
    namespace's shell ended: what it printed may not be whole."""
    rc, stderr = 124, "the collector was cut short"
    if following is not None and following.word == "rc":
        rc, stderr = _status(following, source), following.text.strip("\n")
    if chunk.word == "out":
        command, text = chunk.argument.removeprefix("cat "), chunk.text
        if command == _SYSCTLS:
            command, text = "sysctl", _as_sysctls(text)
        outputs[command.rstrip()] = Output(text, rc, stderr)
        return
    flags, *objects = chunk.argument.split("|")
    lines = chunk.text.rstrip("\n").split("\n")
    whole = len(lines) == len(objects)
    if not whole:
        notes.append(f"ip {flags} -batch printed {len(lines)} lines for {len(objects)} commands")
    for number, wanted in enumerate(objects):
        command = f"ip {flags} {wanted}"
        outputs[command] = (
            Output(lines[number], rc, stderr) if whole else Output("", rc or 1, "unexpected output")
        )


def _as_sysctls(text: str) -> str:
    """ "ipv4/conf/eth0.7/rp_filter:0" -> "net.ipv4.conf.eth0/7.rp_filter = 0", as sysctl(8) writes
    it."""
    lines = []
    for line in text.split("\n"):
        path, colon, value = line.partition(":")
        if colon:
            name = path.translate(_SWAPPED)
            lines.append(f"net.{name} = {value.strip()}")
    return "".join(f"{line}\n" for line in lines)


def _status(chunk: _Chunk, source: str) -> int:
    if not (chunk.argument.isascii() and chunk.argument.isdigit() and len(chunk.argument) < 6):
        raise ParseError(source, chunk.line, "not a status", chunk.argument)
    return int(chunk.argument)


def _unique(found: list[_Building], notes: list[str]) -> tuple[NamespaceDump, ...]:
    """A namespace asked for twice counts once."""
    dumps: dict[tuple[str, str], NamespaceDump] = {}
    for building in found:
        head = building.head
        key = (head.namespace, head.pod)
        if key in dumps:
            notes.append(f"{head.namespace}/{head.pod} was collected twice; the first one counts")
            continue
        dumps[key] = NamespaceDump(
            kind=head.kind,
            outputs=building.outputs,
            namespace=head.namespace,
            pod=head.pod,
            uid=head.uid,
            inode=head.inode,
        )
    return tuple(dumps.values())
