"""agent.sh in real network namespaces, run by every shell it may meet."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from skoop.collector.document import parse_agent_output
from skoop.collector.local import collect_node
from skoop.collector.packing import unpack
from skoop.collector.script import agent_input, agent_script
from skoop.errors import AccessError, UsageError
from skoop.model.address import parse_ip
from skoop.snapshot import NamespaceKind, NodeDocument, decode_document, encode_document, namespaces

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces"),
]

HOST, POD = f"skagh{os.getpid()}", f"skagp{os.getpid()}"
SHELLS = [("dash",), ("busybox", "sh"), ("bash",)]


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def ip(*words: str) -> None:
    run("ip", *words)


@pytest.fixture(scope="module")
def lab() -> Iterator[None]:
    for name in (HOST, POD):
        ip("netns", "add", name)
    try:
        ip("-n", HOST, "link", "add", "br.0", "type", "bridge")
        ip("-n", HOST, "link", "add", "v1", "type", "veth", "peer", "name", "eth0", "netns", POD)
        ip("-n", HOST, "link", "set", "v1", "master", "br.0", "up")
        ip("-n", HOST, "link", "set", "br.0", "up")
        ip("-n", HOST, "addr", "add", "10.77.0.1/24", "dev", "br.0")
        ip("-n", POD, "addr", "add", "10.77.0.2/24", "dev", "eth0")
        ip("-n", POD, "link", "set", "eth0", "up")
        ip("-n", POD, "route", "add", "default", "via", "10.77.0.1", "mtu", "lock", "1300")
        run("ip", "netns", "exec", HOST, "sysctl", "-qw", "net.ipv4.ip_local_port_range=2000 3000")
        run("ip", "netns", "exec", HOST, "iptables-legacy", "-A", "FORWARD", "-j", "DROP")
        run("ip", "netns", "exec", POD, "nft", "add", "table", "inet", "mine")
        yield
    finally:
        for name in (HOST, POD):
            ip("netns", "del", name)


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    words: tuple[str, ...] = request.param
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    return words


@pytest.mark.usefixtures("lab")
def test_a_node_and_its_pod(shell: tuple[str, ...]) -> None:
    document = collect_node("k1", HOST, {"shop/web": f"/run/netns/{POD}"}, shell=shell)
    assert document.notes == ()
    host_dump, pod_dump = document.namespaces
    inodes = [Path(f"/run/netns/{name}").stat().st_ino for name in (HOST, POD)]
    assert [host_dump.inode, pod_dump.inode] == inodes
    assert (pod_dump.namespace, pod_dump.pod) == ("shop", "web")
    # The rules' own text, and nothing asked for that the kernel says is not there.
    assert "-A FORWARD -j DROP" in host_dump.outputs["iptables-legacy-save"].stdout
    assert "iptables-legacy-save" not in pod_dump.outputs
    assert '"mine"' in pod_dump.outputs["nft -j list ruleset"].stdout
    assert host_dump.outputs["nft list tables"].stdout == ""
    assert decode_document(encode_document(document), "x", node="k1") == document


@pytest.mark.usefixtures("lab")
def test_what_it_says_is_what_was_built(shell: tuple[str, ...]) -> None:
    document = collect_node("k1", HOST, {"shop/web": POD}, shell=shell)
    # The rule engines have their own tests.
    quiet = [
        type(dump)(
            kind=dump.kind,
            namespace=dump.namespace,
            pod=dump.pod,
            inode=dump.inode,
            nsids=dump.nsids,
            outputs={k: v for k, v in dump.outputs.items() if "tables" not in k and "nft" not in k},
        )
        for dump in document.namespaces
    ]
    host, pod = namespaces(type(document)(node="k1", namespaces=tuple(quiet)))
    for found in (host, pod):
        assert {gap.part for gap in found.gaps} <= {"rulesets", "ipsets"}, found.gaps
    assert [str(a.prefix) for a in pod.addresses if a.device == "eth0"][:1] == ["10.77.0.0/24"]
    default = next(r for r in pod.routes if r.destination.length == 0 and r.destination.family == 4)
    assert (default.nexthops[0].gateway, default.mtu) == (parse_ip("10.77.0.1"), 1300)
    v1 = next(link for link in host.links if link.name == "v1")
    assert dict(host.nsids)[v1.peer_nsid] == pod.inode
    assert v1.port is not None
    assert host.sysctls["net.ipv4.ip_local_port_range"] == "2000 3000"
    assert host.sysctls["net.ipv4.conf.br/0.rp_filter"] in ("0", "1", "2")
    forced = Path("/proc/sys/net/ipv6/conf/all/force_forwarding").exists()
    assert ("net.ipv6.conf.br/0.force_forwarding" in host.sysctls) is forced
    assert host.sysctls["net.netfilter.nf_conntrack_max"].isdigit()
    assert {"net.ipv4.conf.eth0.forwarding", "net.ipv4.ip_forward"} <= set(pod.sysctls)


WG_WORDS = ("public-key", "listen-port", "fwmark", "endpoints", "allowed-ips", "latest-handshakes")
"""All that is asked of wg: every other word of `wg show`, and `wg showconf`, can print secrets."""


@pytest.mark.usefixtures("lab")
def test_a_wireguard_device_is_asked_for_no_secret(shell: tuple[str, ...], tmp_path: Path) -> None:
    """The kernel here may have no such device: ip calls the bridge one."""
    asked = tmp_path / "asked"
    for name, text in {
        "ip": 'exec /sbin/ip "$@" | sed \'s/"bridge"/"wireguard"/g\'',
        "wg": f'echo "$*" >>{asked}; printf "br.0\\toff\\n"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [*shell, "-s", "--", "--host", f"/run/netns/{HOST}", "--netns", f"t/p=/run/netns/{POD}"],
        input=agent_script().encode(),
        capture_output=True,
        check=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    host, pod = parse_agent_output(done.stdout, "k1", "agent").namespaces
    commands = [f"wg show all {word}" for word in WG_WORDS]
    assert [name for name in host.outputs if name.startswith("wg")] == commands
    assert asked.read_text().split("\n")[:-1] == [each.removeprefix("wg ") for each in commands]
    assert host.outputs["wg show all fwmark"].stdout == "br.0\toff\n"
    assert not [name for name in pod.outputs if name.startswith("wg")]
    assert agent_script().count(" wg ") == 3  # its one call, and two comments


@pytest.mark.usefixtures("lab")
def test_a_network_namespace_that_goes_away_is_a_note() -> None:
    with pytest.raises(UsageError, match="no such"):
        collect_node("k1", HOST, {"shop/web": "nosuch"})
    script = agent_script().encode()
    arguments = ["--host", f"/run/netns/{HOST}", "--netns", "a/b=/run/netns/gone"]
    done = subprocess.run(["sh", "-s", "--", *arguments], input=script, capture_output=True)
    document = parse_agent_output(done.stdout, "k1", "agent")
    assert [dump.kind for dump in document.namespaces] == [NamespaceKind.HOST]
    assert "a/b" in document.notes[0]


@pytest.mark.parametrize("pod", ["web", "/web", "shop/", "a/b/c"])
def test_pod_ids_are_checked(pod: str) -> None:
    with pytest.raises(UsageError, match="NAMESPACE/NAME"):
        collect_node("k1", None, {pod: "/proc/self/ns/net"})


@pytest.mark.parametrize("argument", ["--netns=x", "--bogus"])
def test_unknown_arguments_are_refused(argument: str) -> None:
    done = subprocess.run(
        ["sh", "-s", "--", argument, "x"], input=agent_script().encode(), capture_output=True
    )
    assert done.returncode == 2


def test_a_name_cannot_smuggle_in_a_command(tmp_path: Path) -> None:
    target = tmp_path / "owned"
    evil = f"a/b$(touch {target})=/proc/self/ns/net"
    done = subprocess.run(
        ["sh", "-s", "--", "--netns", evil], input=agent_script().encode(), capture_output=True
    )
    assert not target.exists()
    assert b"not a name" in done.stdout


def test_a_shell_that_is_not_there() -> None:
    with pytest.raises(AccessError):
        collect_node("k1", None, {}, shell=("/nonexistent/sh",))


UID = "0a1b2c3d-1111-4222-8333-0123456789ab"


class PodProcess(NamedTuple):
    """A process, and the file that takes others into its cgroup."""

    pid: int
    group: Path


def _wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError


@pytest.fixture(params=["kubepods/burstable/pod{uid}/c1", "kubepods-pod{uid_}.slice/cri-c1.scope"])
def pod_process(request: pytest.FixtureRequest) -> Iterator[PodProcess]:
    """A process in a namespace of its own, in a cgroup named as one of both drivers names it, where
    others before it have ended and were not waited for."""
    roots = [Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")]
    root = next((r for r in roots if os.access(r / "cgroup.procs", os.W_OK)), None)
    if root is None:
        pytest.skip("no cgroup hierarchy can be written here")
    top = root / f"skoop{os.getpid()}"
    path = request.param.format(uid=UID, uid_=UID.replace("-", "_"))
    folder = top / path
    folder.mkdir(parents=True)
    ended = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
    process = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    try:
        for each in (*ended, process):
            (folder / "cgroup.procs").write_text(str(each.pid))
        for each in ended:
            each.kill()
        own = Path("/proc/self/ns/net").stat().st_ino
        _wait_for(lambda: Path(f"/proc/{process.pid}/ns/net").stat().st_ino != own)
        yield PodProcess(process.pid, folder / "cgroup.procs")
    finally:
        for each in (*ended, process):
            each.kill()
            each.wait()
        for _ in range(50):
            try:
                for found in [folder, *folder.parents][: len(Path(path).parts) + 1]:
                    found.rmdir()
                break
            except OSError:
                time.sleep(0.02)


def test_a_pod_is_found_by_its_uid(pod_process: PodProcess, shell: tuple[str, ...]) -> None:
    arguments = [
        "--pod",
        f"shop/web={UID}",
        "--pod",
        "shop/gone=ffffffff-1111-4222-8333-000000000000",
    ]
    done = subprocess.run(
        [*shell, "-s", "--", *arguments],
        input=agent_script().encode(),
        capture_output=True,
        check=True,
        env={**os.environ, "SKOOP_SHELL": " ".join(shell)},
    )
    document = parse_agent_output(done.stdout, "k1", "agent")
    (pod,) = [dump for dump in document.namespaces if dump.kind is NamespaceKind.POD]
    assert (pod.namespace, pod.pod, pod.uid) == ("shop", "web", UID)
    assert pod.inode == Path(f"/proc/{pod_process.pid}/ns/net").stat().st_ino
    assert '"ifname":"lo"' in pod.outputs["ip -j -d link"].stdout
    assert [note.split(":")[0] for note in document.notes] == ["pod shop/gone"]


@pytest.fixture
def failing_once(tmp_path: Path) -> Path:
    """A folder with an nsenter that fails the first time, and then has left the file `ended`."""
    wrapper = tmp_path / "nsenter"
    wrapper.write_text(
        f"#!/bin/sh\n[ -e {tmp_path}/ended ] || {{ : >{tmp_path}/ended; exit 1; }}\n"
        'exec /usr/bin/nsenter "$@"\n'
    )
    wrapper.chmod(0o755)
    return tmp_path


def agent_for_one_pod(*, tools: Path | None = None) -> NodeDocument:
    path = os.environ["PATH"] if tools is None else f"{tools}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-s", "--", "--pod", f"shop/web={UID}"],
        input=agent_script().encode(),
        capture_output=True,
        check=True,
        env={**os.environ, "PATH": path},
    )
    return parse_agent_output(done.stdout, "k1", "agent")


def test_a_process_that_ends_meanwhile_is_not_the_only_one(
    pod_process: PodProcess, failing_once: Path
) -> None:
    """As a probe's does, which runs in the pod's own cgroup."""
    second = subprocess.Popen(["nsenter", "-t", str(pod_process.pid), "-n", "sleep", "60"])
    try:
        pod_process.group.write_text(str(second.pid))
        document = agent_for_one_pod(tools=failing_once)
    finally:
        second.kill()
        second.wait()
    assert (failing_once / "ended").exists()
    assert [dump.kind for dump in document.namespaces].count(NamespaceKind.POD) == 1
    assert document.notes == ()


def test_a_process_that_has_joined_few_hierarchies_does_not_stand_for_its_pod(
    pod_process: PodProcess, failing_once: Path
) -> None:
    """runc adds a probe's process to one hierarchy after another; with the shorter line of cgroup
    v2 ("0::/...") it must not be the only one that is tried."""
    pids, unified = Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup/unified")
    if not (pod_process.group.is_relative_to(pids) and os.access(unified, os.W_OK)):
        pytest.skip("one hierarchy only")
    below = pod_process.group.parent.relative_to(pids)
    (unified / below).mkdir(parents=True)
    starting = subprocess.Popen(["nsenter", "-t", str(pod_process.pid), "-n", "sleep", "60"])
    try:
        (unified / below / "cgroup.procs").write_text(str(starting.pid))
        document = agent_for_one_pod(tools=failing_once)
    finally:
        starting.kill()
        starting.wait()
        for found in [below, *below.parents][:-1]:
            (unified / found).rmdir()
    assert [dump.kind for dump in document.namespaces].count(NamespaceKind.POD) == 1
    assert document.notes == ()


def test_a_process_still_in_the_network_of_the_node_does_not_stand_for_its_pod(
    pod_process: PodProcess,
) -> None:
    """A container that starts is in the pod's cgroup before it is in its namespaces."""
    own = Path(f"/proc/{pod_process.pid}/ns/net").stat().st_ino
    starting = [subprocess.Popen(["sleep", "60"]) for _ in range(4)]
    # Met after them, as processes are met by their numbers.
    within = subprocess.Popen(["nsenter", "-t", str(pod_process.pid), "-n", "sleep", "60"])
    _wait_for(lambda: Path(f"/proc/{within.pid}/ns/net").stat().st_ino == own)
    os.kill(pod_process.pid, signal.SIGKILL)
    try:
        for each in (*starting, within):
            pod_process.group.write_text(str(each.pid))
        document = agent_for_one_pod()
    finally:
        for each in (*starting, within):
            each.kill()
            each.wait()
    (pod,) = [dump for dump in document.namespaces if dump.kind is NamespaceKind.POD]
    assert (pod.inode, document.notes) == (own, ())


def test_a_pod_all_of_whose_processes_are_in_the_network_of_the_node(
    pod_process: PodProcess,
) -> None:
    os.kill(pod_process.pid, signal.SIGKILL)
    own = subprocess.Popen(["sleep", "60"])
    try:
        pod_process.group.write_text(str(own.pid))
        document = agent_for_one_pod()
    finally:
        own.kill()
        own.wait()
    assert [dump.kind for dump in document.namespaces] == [NamespaceKind.HOST]
    (note,) = document.notes
    assert note.startswith("pod shop/web: all its processes are in the network namespace")


@pytest.fixture
def tools(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A PATH like an image's that lacks some programs."""
    for folder in ("/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for tool in sorted(Path(folder).glob("*")):
            link = tmp_path / tool.name
            if tool.name not in request.param and not link.is_symlink():
                link.symlink_to(tool)
    return str(tmp_path)


def packed_run(shell: tuple[str, ...], path: str) -> subprocess.CompletedProcess[bytes]:
    """The agent as exec runs it: all on standard input, which stays open. Its own PATH additions
    are taken out, so that only `path` counts."""
    script = agent_input([]).replace(b"PATH=$PATH:/usr/local/sbin:", b"PATH=$PATH:/nonexistent:")
    script = script.replace(b"/nonexistent:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", b"/none")
    with subprocess.Popen(
        (*shell, "-s"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": path, "SKOOP_SHELL": " ".join(shell)},
        executable=shutil.which(shell[0]),
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(script)
        process.stdin.flush()
        out, err = process.stdout.read(), process.stderr.read()
        return subprocess.CompletedProcess(shell, process.wait(timeout=20), out, err)


@pytest.mark.parametrize(
    ("tools", "how"),
    [((), b"gzip"), (("gzip",), b"cksum"), (("gzip", "cksum"), b"plain")],
    indirect=["tools"],
    ids=["gzip", "cksum", "plain"],
)
def test_packed_as_the_image_can(shell: tuple[str, ...], tools: str, how: bytes) -> None:
    if shell[0] == "busybox" and how != b"gzip":
        pytest.skip("this busybox has gzip and cksum inside")
    done = packed_run(shell, tools)
    assert done.stdout.startswith(b"skoop-pack " + how + b"\n"), done.stderr
    document = parse_agent_output(unpack(done.stdout, "k1"), "k1", "agent")
    assert document.namespaces[0].kind is NamespaceKind.HOST
    assert done.returncode == 0


@pytest.mark.parametrize("tools", [("ip", "busybox")], indirect=True, ids=["no ip"])
def test_an_image_without_iproute2_says_so(tools: str) -> None:
    done = packed_run(("dash",), tools)
    assert done.returncode == 3
    assert b"iproute2" in done.stderr


def test_pods_are_found_by_their_log_folders(pod_process: PodProcess, tmp_path: Path) -> None:
    for name in (f"shop_web-0_{UID}", "shop_gone_ffffffff-1111-4222-8333-000000000000", "junk"):
        (tmp_path / name).mkdir()
    done = subprocess.run(
        ["sh", "-s", "--", "--pod-logs", str(tmp_path)],
        input=agent_script().encode(),
        capture_output=True,
        check=True,
    )
    document = parse_agent_output(done.stdout, "k1", "agent")
    pods = [dump for dump in document.namespaces if dump.kind is NamespaceKind.POD]
    assert [(pod.namespace, pod.pod, pod.uid) for pod in pods] == [("shop", "web-0", UID)]
    assert document.notes == ()
