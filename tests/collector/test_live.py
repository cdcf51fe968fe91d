"""Collection over the API server's double: what becomes of pods, and that they are gone after."""

from __future__ import annotations

import gzip
import os
import re
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from msgspec import structs

from skoop.collector import labels
from skoop.collector.live import LiveNodes
from skoop.collector.options import CollectorOptions
from skoop.collector.packing import posix_cksum
from skoop.collector.source import Gathered
from skoop.errors import AccessError, UsageError
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Pod, PodContainer, build_inventory
from skoop.model.progress import NodeFailed, NodeFinished, NodeStage, NodeStarted, Warned
from tests.apiserver import Fault, verbs
from tests.apiserver.kubelet import (
    Command,
    backs_off,
    breaks_after,
    canned,
    fails_to_run,
    has_status,
    one_after_another,
    running,
    stays_pending,
    vanishes,
    waits,
)
from tests.collector.live import IMAGE, TOKEN, Live, agent_text, node, pod, started

GOOD = canned(agent_text())
NO_SHELL = 'exec: "sh": executable file not found in $PATH'


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with started(tmp_path_factory) as one:
        yield one


def answer(live: Live, *names: str, command: Command = GOOD) -> None:
    live.kubelet.commands.update(dict.fromkeys(names, command))


def names(gathered: Gathered) -> list[str]:
    return [document.node for document in gathered.documents]


def test_it_says_how_far_it_is(live: Live) -> None:
    answer(live, "n1", "n2")
    live.kubelet.lives["n2"] = vanishes
    (failure,) = live.collect("n1", "n2", timeout=1).failures
    assert [one for one in live.said if getattr(one, "node", "") == "n1"] == [
        NodeStarted("n1"),
        NodeStage("n1", f"starting a pod from {IMAGE}"),
        NodeStage("n1", "reading"),
        NodeFinished("n1", 1, len(agent_text())),
    ]
    assert NodeFailed("n2", failure.why) in live.said


def test_an_api_server_that_is_gone_is_an_error(live: Live) -> None:
    live.server.faults.add(Fault("reset", times=0))
    with pytest.raises(AccessError):
        live.collect("n1")


def test_the_agent_itself_by_exec(live: Live) -> None:
    collection = live.collect("n1")
    assert collection.failures == ()
    (host,) = collection.documents[0].namespaces
    assert '"ifname":"lo"' in host.outputs["ip -j -d link"].stdout
    assert live.pods == []


def test_two_nodes_take_seven_requests(live: Live) -> None:
    answer(live, "n1", "n2")
    assert names(live.collect("n1", "n2", "n1")) == ["n1", "n2"]
    assert live.calls() == {
        "watch pods": 1,
        "create pods": 2,
        "create pods/exec": 2,
        "delete pods": 2,
    }
    assert live.pods == []


def test_nothing_wanted_nothing_asked(live: Live) -> None:
    assert live.collect().documents == ()
    assert live.calls() == {}


def test_pods_are_named_to_the_agent(live: Live) -> None:
    asked: list[bytes] = []

    def command(channels, words) -> None:
        asked.append(b"".join(channels.stdin()))
        channels.send(1, agent_text())
        channels.status(0)

    answer(live, "n1", command=command)
    static = {"kubernetes.io/config.mirror": "h", "kubernetes.io/config.hash": "abc123"}
    pods = [
        pod("web", "n1"),
        pod("dns", "n1", annotations=static, uid="mirror"),
        pod("proxy", "n1", host_network=True),
        pod("done", "n1", phase="Succeeded"),
        pod("new", "n1", phase="Pending"),
        pod("other", "n2"),
    ]
    live.collect("n1", inventory=build_inventory(nodes=[node("n1")], pods=pods))
    first = asked[0].split(b"\n")[0].decode()
    assert first == "set -- --pack --pod shop/web=uid-web --pod shop/dns=abc123"


FAILED = {
    "image pull": (
        waits(
            ("ErrImagePull", "manifest for example/x not found"),
            ("ImagePullBackOff", 'Back-off pulling image "example/x"'),
        ),
        "manifest for example/x not found",
    ),
    "image pull seen late": (
        backs_off("Failed to pull image: no such host registry.example"),
        "ImagePullBackOff.*no such host",
    ),
    "image never": (waits(("ErrImageNeverPull", "image is not present")), "ErrImageNeverPull"),
    "unschedulable": (
        has_status(
            phase="Pending",
            conditions=[
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/3 nodes are available",
                }
            ],
        ),
        "cannot be scheduled .*0/3 nodes",
    ),
    "rejected by the kubelet": (
        has_status(phase="Failed", reason="OutOfpods", message="Node has no room"),
        "has failed .OutOfpods: Node has no room",
    ),
    "crash": (
        has_status(
            phase="Failed",
            containerStatuses=[
                {"state": {"terminated": {"exitCode": 1, "reason": "Error", "message": "oops"}}}
            ],
        ),
        "ended with status 1 .Error: oops",
    ),
    "vanishes": (vanishes, "deleted by somebody else"),
    "timeout": (stays_pending(), "did not start within 1 s$"),
    "timeout with an event": (
        stays_pending("FailedCreatePodSandBox", "failed to set up sandbox: plugin is missing"),
        "did not start within 1 s: FailedCreatePodSandBox: .*plugin is missing",
    ),
}


@pytest.mark.parametrize("name", FAILED)
def test_a_node_that_cannot_be_collected_is_reported_and_the_rest_goes_on(
    live: Live, name: str
) -> None:
    life, why = FAILED[name]
    answer(live, "n1", "n2")
    live.kubelet.lives["n2"] = life
    collection = live.collect("n1", "n2", timeout=1)
    assert names(collection) == ["n1"]
    (failure,) = collection.failures
    assert failure.what == "node n2"
    assert re.search(why, failure.why), failure.why
    assert live.pods == []


REFUSED = {
    "pod security": (
        403,
        'pods "x" is forbidden: violates PodSecurity "baseline:latest": host namespaces',
        "PodSecurity admission of namespace kube-system refuses.*--collector-namespace",
    ),
    "rbac": (403, 'pods is forbidden: User "joe" cannot create', 'RBAC verb "create" on "pods"'),
    "no namespace": (404, 'namespaces "x" not found', "namespaces .x. not found"),
    "quota": (403, "exceeded quota: compute", "exceeded quota"),
    "webhook": (400, 'admission webhook "deny" denied the request: no', "was refused.*denied"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_pod_that_may_not_be_made(live: Live, name: str, monkeypatch) -> None:
    status, message, why = REFUSED[name]
    monkeypatch.setitem(verbs.VERBS, "create", lambda request: request.refuse(status, message))
    (failure,) = live.collect("n1").failures
    assert re.search(why, failure.why), failure.why


READ = {
    "breaks once": (one_after_another(breaks_after(b"skoop-pack gzip\n"), GOOD), ""),
    "cut once": (one_after_another(canned(agent_text()[:-5]), GOOD), ""),
    "breaks always": (breaks_after(b"skoop-pack gzip\n"), "reading it failed: the connection"),
    "cut always": (canned(b"skoop-pack gzip\n\x1f\x8b"), "cut off on the way"),
    "the agent fails": (canned(b"", 5, b"no randomness"), "status 5: no randomness"),
    "no iproute2": (canned(b"", 3, b"ip (iproute2) is not installed"), "does not do.*iproute2"),
    "no shell": (fails_to_run(NO_SHELL), "has no shell"),
}


@pytest.mark.parametrize("name", READ)
def test_reading(live: Live, name: str) -> None:
    command, why = READ[name]
    answer(live, "n1", command=command)
    collection = live.collect("n1")
    assert bool(collection.documents) == (not why)
    assert all(re.search(why, each.why) for each in collection.failures)
    assert live.pods == []


def test_exec_that_may_not_be_done(live: Live) -> None:
    live.server.faults.add(Fault("forbidden", verb="create", resource="pods/exec", times=0))
    (failure,) = live.collect("n1").failures
    assert "get and create on pods/exec" in failure.why


def test_a_pod_that_is_evicted_while_it_is_read(live: Live) -> None:
    def command(channels, words) -> None:
        made = live.kubelet.made[-1]
        live.kubelet.status(made, {"phase": "Failed", "reason": "Evicted", "message": "low disk"})
        time.sleep(0.1)

    answer(live, "n1", command=command)
    (failure,) = live.collect("n1").failures
    assert "Evicted: low disk" in failure.why
    assert live.calls()["create pods/exec"] == 1


NODES = {
    "unknown": (node("n1", "Unknown"), "kubelet does not answer .NodeStatusUnknown"),
    "windows": (node("n1", labels={"kubernetes.io/os": "windows"}), "runs windows, not Linux"),
}


@pytest.mark.parametrize("name", NODES)
def test_a_node_on_which_nothing_can_run_is_not_waited_for(live: Live, name: str) -> None:
    one, why = NODES[name]
    (failure,) = live.collect("n1", inventory=build_inventory(nodes=[one])).failures
    assert re.search(why, failure.why), failure.why
    assert live.calls() == {}


def test_a_node_that_is_not_there(live: Live) -> None:
    (failure,) = live.collect("n9", inventory=build_inventory(nodes=[node("n1")])).failures
    assert failure.why == "there is no such node"


def test_a_node_that_may_not_be_listed_is_tried(live: Live) -> None:
    answer(live, "n1")
    unseen = build_inventory(absent=[NotChecked("nodes", "the API server forbids it")])
    assert names(live.collect("n1", inventory=unseen)) == ["n1"]


def test_a_node_selector_leaves_nodes_out(live: Live) -> None:
    (failure,) = live.collect("n1", node_selector={"pool": "a"}).failures
    assert "no label pool=a" in failure.why


def test_a_node_without_network_is_collected_all_the_same(live: Live) -> None:
    answer(live, "n1")
    inventory = build_inventory(nodes=[node("n1", "False")])
    assert names(live.collect("n1", inventory=inventory)) == ["n1"]
    live.kubelet.lives["n1"] = stays_pending()
    (failure,) = live.collect("n1", inventory=inventory, timeout=1).failures
    assert failure.why.endswith("not ready (KubeletNotReady: CNI is not initialized)")


def cni(name: str, image: str, container: str = "main") -> Pod:
    made = pod(name, "n1", image, namespace="kube-system", host_network=True)
    box = PodContainer(name=container, image=image, ready=True)
    return structs.replace(made, containers=(box,))


def test_the_image_of_the_network_plugin_is_taken(live: Live) -> None:
    answer(live, "n1")
    pods = [cni("proxy", "registry.k8s.io/kube-proxy:v1"), cni("f", "docker.io/flannel/flannel:v1")]
    live.collect("n1", image="", inventory=build_inventory(nodes=[node("n1")], pods=pods))
    (made,) = live.kubelet.made
    assert made["spec"]["containers"][0]["image"] == "docker.io/flannel/flannel:v1"
    assert made["spec"]["nodeName"] == "n1"


def test_an_image_under_another_name_is_known_by_its_container(live: Live) -> None:
    answer(live, "n1")
    pods = [cni("f", "mirror.corp/net/f:7", "kube-flannel"), pod("x", "n1", "x/flannel-demo:1")]
    live.collect("n1", image="", inventory=build_inventory(nodes=[node("n1")], pods=pods))
    assert [made["spec"]["containers"][0]["image"] for made in live.kubelet.made] == [
        "mirror.corp/net/f:7"
    ]


def test_another_image_is_tried_when_one_lacks_a_shell(live: Live) -> None:
    answer(live, "n1", command=one_after_another(fails_to_run(NO_SHELL), GOOD))
    pods = [cni("c", "calico/node:v3"), cni("f", "flannel/flannel:v1")]
    inventory = build_inventory(nodes=[node("n1")], pods=pods)
    assert live.collect("n1", image="", inventory=inventory).documents
    images = [made["spec"]["containers"][0]["image"] for made in live.kubelet.made]
    assert images == ["flannel/flannel:v1", "calico/node:v3"]
    assert live.pods == []


def test_without_nsenter_there_is_the_node_alone(live: Live) -> None:
    answer(live, "n1", command=canned(agent_text("nsenter is not installed: no pod was collected")))
    document = live.collect("n1").documents[0]
    assert "nsenter" in document.notes[0]


def test_no_image_is_guessed(live: Live) -> None:
    (failure,) = live.collect("n1", image="").failures
    assert "--collector-image" in failure.why


def test_a_collector_that_is_there_is_used(live: Live) -> None:
    marks = {labels.MANAGED_BY: labels.OWNER, labels.COMPONENT: labels.RESIDENT}
    daemon = pod("daemon-x", "n1", namespace="skoop", labels=marks, ready=True, host_network=True)
    live.server.store.create(
        "pods", {"metadata": {"name": "daemon-x", "namespace": "skoop"}, "spec": {"nodeName": "n1"}}
    )
    answer(live, "n1")
    inventory = build_inventory(nodes=[node("n1")], pods=[daemon])
    assert names(live.collect("n1", inventory=inventory)) == ["n1"]
    assert live.calls() == {"create pods/exec": 1}


def test_a_collector_that_does_not_answer_is_replaced(live: Live) -> None:
    marks = {labels.MANAGED_BY: labels.OWNER, labels.COMPONENT: labels.RESIDENT}
    gone = pod("daemon-x", "n1", namespace="skoop", labels=marks, ready=True, host_network=True)
    answer(live, "n1")
    inventory = build_inventory(nodes=[node("n1")], pods=[gone])
    assert names(live.collect("n1", inventory=inventory)) == ["n1"]
    assert len(live.kubelet.made) == 1
    assert live.pods == []


def test_credentials_that_run_out_are_renewed(live: Live) -> None:
    live.server.faults.add(Fault("unauthorized", verb="create", resource="pods/exec"))
    answer(live, "n1")
    assert live.collect("n1").documents
    live.server.faults.add(Fault("unauthorized", verb="create", resource="pods/exec", times=0))
    (failure,) = live.collect("n1").failures
    assert "401" in failure.why


@pytest.mark.parametrize("how", ["gzip", "cksum"])
def test_twenty_megabytes_arrive_whole(live: Live, how: str) -> None:
    rules = b"".join(b"-A FORWARD -s 10.%d.%d.0/24 -j ACCEPT\n" % (n >> 8 & 255, n & 255)
                     for n in range(600_000))  # fmt: skip
    text = agent_text().removeprefix(b"skoop-pack plain\n")
    mark = f"\n@{TOKEN} out ss -H -lntu\n".encode()
    large = text.replace(mark, f"\n@{TOKEN} out iptables-save\n".encode() + rules)
    packed = {
        "gzip": lambda: b"skoop-pack gzip\n" + gzip.compress(large, 1),
        "cksum": lambda: (
            b"skoop-pack cksum\n%b\nskoop-cksum %d %d\n" % (large, posix_cksum(large), len(large))
        ),
    }[how]()
    assert len(large) > 20_000_000
    answer(live, "n1", command=canned(packed))
    (document,) = live.collect("n1", timeout=20).documents
    found = document.namespaces[0].outputs["iptables-save"].stdout
    assert found.encode().strip() == rules.strip()


def test_a_watch_that_closes_is_taken_up(live: Live) -> None:
    live.server.faults.add(Fault("close", verb="watch", resource="pods", events=1, times=3))
    answer(live, "n1")
    assert live.collect("n1").documents


def test_a_watch_that_is_too_old_begins_anew(live: Live) -> None:
    live.server.faults.add(Fault("gone", verb="watch", resource="pods", times=2))
    answer(live, "n1")
    assert live.collect("n1").documents


def test_a_watch_that_is_forbidden(live: Live) -> None:
    live.server.faults.add(Fault("forbidden", verb="watch", resource="pods", times=0))
    (failure,) = live.collect("n1", timeout=2).failures
    assert 'RBAC verb "watch" on "pods"' in failure.why
    assert live.pods == []


@pytest.mark.parametrize("kind", ["throttle", "error", "reset"])
def test_a_create_or_delete_that_stumbles(live: Live, kind: str) -> None:
    live.server.faults.add(Fault(kind, verb="delete", resource="pods"))
    if kind != "error":
        live.server.faults.add(Fault(kind, verb="create", resource="pods"))
    answer(live, "n1")
    assert live.collect("n1").documents
    assert live.pods == []


def test_what_cannot_be_deleted_is_named(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skoop.collector.yard._PATIENCE", 0.5)
    live.server.faults.add(Fault("forbidden", verb="delete", resource="pods", times=0))
    answer(live, "n1")
    live.collect("n1")
    (pod_left,) = live.pods
    said = [one.text for one in live.said if isinstance(one, Warned)]
    assert len(said) == 1
    assert pod_left in said[0] and "kube-system" in said[0] and "collector gc" in said[0]


def test_two_runs_at_once_do_not_meet(live: Live) -> None:
    answer(live, "n1", "n2")
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(live.collect("n1", "n2"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert [len(each.documents) for each in found] == [2] * 4  # type: ignore[attr-defined]
    assert len({made["metadata"]["name"] for made in live.kubelet.made}) == 8
    assert live.pods == []


def test_what_a_killed_run_left_is_removed_by_the_next(live: Live) -> None:
    marks = {labels.MANAGED_BY: labels.OWNER, labels.COMPONENT: labels.SHORT_LIVED}
    live.kubelet.lives["n8"] = live.kubelet.lives["n9"] = stays_pending()
    for name, one, status in (
        ("dead", "n8", {"phase": "Failed", "reason": "DeadlineExceeded"}),
        ("alive", "n9", running()),
    ):
        metadata = {"name": name, "namespace": "kube-system", "labels": marks}
        live.server.store.create(
            "pods", {"metadata": metadata, "spec": {"nodeName": one}, "status": status}
        )
    answer(live, "n1")
    assert live.collect("n1").documents
    assert live.pods == ["alive"]


class BoomError(Exception):
    pass


def test_an_exception_leaves_nothing(live: Live) -> None:
    answer(live, "n1", "n2")
    options = CollectorOptions(image=IMAGE, timeout=5)
    inventory = build_inventory(nodes=[node("n1"), node("n2")])

    def take(document: object) -> None:
        raise BoomError

    with pytest.raises(BoomError):
        LiveNodes(live.client, options).each(["n1", "n2"], inventory, live.said.append, take)
    assert live.pods == []


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def heard() -> Iterator[None]:
    """No signal is ignored, as a run in a shell's background or under nohup ignores some."""
    before = [signal.signal(one, signal.SIG_DFL) for one in SIGNALS]
    yield
    for one, handler in zip(SIGNALS, before, strict=True):
        signal.signal(one, handler)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("when", ["waiting", "reading"])
def test_a_signal_leaves_nothing_nor_do_those_that_follow(
    live: Live, heard: None, number: signal.Signals, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request to delete a pod brings another signal before it is answered."""
    over = threading.Event()

    def reading(channels, words) -> None:
        os.kill(os.getpid(), number)
        over.wait(5)

    def waiting(kubelet, made) -> None:
        os.kill(os.getpid(), number)

    def delete(request) -> None:
        os.kill(os.getpid(), number)
        verbs.delete(request)

    monkeypatch.setitem(verbs.VERBS, "delete", delete)
    if when == "reading":
        answer(live, "n1", command=reading)
    else:
        live.kubelet.lives["n1"] = waiting
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as stop:
        live.collect("n1")
    over.set()
    assert stop.value.code == 128 + number
    assert live.server.asked("delete", "pods") == 1
    assert live.pods == []
    assert not [one for one in live.said if isinstance(one, NodeFailed)]
    assert signal.getsignal(number) is before


def test_a_pod_that_is_being_made_when_the_signal_comes(live: Live, heard: None) -> None:
    live.server.faults.add(Fault("slow", verb="create", resource="pods", seconds=0.3, times=0))
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(SystemExit):
        live.collect("n1", "n2")
    assert live.kubelet.made
    assert live.pods == []


@pytest.mark.parametrize(
    "given",
    [
        {"pull_policy": "Sometimes"},
        {"namespace": "No_Name"},
        {"timeout": 0},
        {"parallel": 0},
    ],
)
def test_options_are_checked(given: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        CollectorOptions(**given)  # type: ignore[arg-type]
