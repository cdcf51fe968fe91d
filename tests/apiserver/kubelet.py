"""What happens to pods after they are made: a kubelet for the double, with exec.

    kubelet = Kubelet(server)
    kubelet.lives["n2"] = image_pull_fails
    kubelet.commands["n1"] = canned(b"...")

`lives` maps a node to what becomes of its pods, `commands` to what exec does there; without an
entry a pod starts, and exec runs the command on this machine.
"""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.apiserver.server import ApiServer, Request
from tests.apiserver.store import Object
from tests.apiserver.wsframes import STDERR, STDOUT, Channels, accept_key

Status = Mapping[str, Any]
Life = Callable[["Kubelet", Object], None]
Command = Callable[[Channels, list[str]], None]
_NAMED = {"name": "main", "image": "example", "ready": True, "restartCount": 0}


class Kubelet:
    """Acts on every pod of the server that has a node."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.lives: dict[str, Life] = {}
        self.commands: dict[str, Command] = {}
        self.made: list[Object] = []
        server.store.observers.append(self._saw)
        server.subresources[("pods", "exec")] = self._exec

    def _saw(self, event: str, plural: str, content: Object) -> None:
        if event == "ADDED" and plural == "pods":
            self.made.append(content)
            life = self.lives.get(content["spec"].get("nodeName", ""), starts)
            threading.Thread(target=life, args=(self, content), daemon=True).start()

    def status(self, pod: Object, status: Status) -> None:
        """Report a pod's status, if it is still there."""
        metadata = pod["metadata"]
        self.server.store.update(
            "pods", metadata["namespace"], metadata["name"], lambda now: {**now, "status": status}
        )

    def delete(self, pod: Object) -> None:
        """Remove a pod, as the API server does when its node is gone."""
        metadata = pod["metadata"]
        self.server.store.delete("pods", metadata["namespace"], metadata["name"])

    def event(self, pod: Object, reason: str, message: str) -> None:
        """A warning about a pod."""
        metadata = pod["metadata"]
        self.server.store.create(
            "events",
            {
                "metadata": {"namespace": metadata["namespace"], "generateName": "e"},
                "involvedObject": {"kind": "Pod", "name": metadata["name"]},
                "type": "Warning",
                "reason": reason,
                "message": message,
                "lastTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            },
        )

    def _exec(self, request: Request) -> None:
        pod = self.server.store.get("pods", request.namespace, request.name)
        if pod is None:
            request.refuse(404, f'pods "{request.name}" not found')
            return
        command = [value for key, value in request.query if key == "command"]
        connection = request.take_over()
        offered = request.headers["Sec-WebSocket-Protocol"].split(",")
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + f"Sec-WebSocket-Accept: {accept_key(request.headers['Sec-WebSocket-Key'])}\r\n"
            f"Sec-WebSocket-Protocol: {offered[0].strip()}\r\n\r\n".encode()
        )
        with connection.makefile("rb") as reader, connection.makefile("wb") as writer:
            channels = Channels(reader, writer, offered[0].strip())
            self.commands.get(pod["spec"]["nodeName"], on_this_machine)(channels, command)
            try:
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(1)
                reader.read()
            except OSError:
                return


def starts(kubelet: Kubelet, pod: Object) -> None:
    """As a pod starts whose image is there."""
    creating = {"waiting": {"reason": "ContainerCreating"}}
    kubelet.status(pod, {"phase": "Pending", "containerStatuses": [{**_NAMED, "state": creating}]})
    kubelet.status(pod, running())


def running() -> Status:
    """The status of a pod that runs."""
    return {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {**_NAMED, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
        ],
    }


def waits(*reasons: tuple[str, str]) -> Life:
    """A container that waits, for one reason after another: (reason, message)."""

    def life(kubelet: Kubelet, pod: Object) -> None:
        for reason, message in reasons:
            state = {"waiting": {"reason": reason, "message": message}}
            kubelet.status(
                pod, {"phase": "Pending", "containerStatuses": [{**_NAMED, "state": state}]}
            )
            time.sleep(0.1)  # A kubelet reports each of them.

    return life


def has_status(**status: Any) -> Life:
    """A pod that comes to a status at once."""
    return lambda kubelet, pod: kubelet.status(pod, status)


def backs_off(event: str) -> Life:
    """The image could not be pulled a while ago; only the event says why."""

    def life(kubelet: Kubelet, pod: Object) -> None:
        kubelet.event(pod, "Failed", event)
        kubelet.event(pod, "Failed", "Error: ErrImagePull")
        waits(("ImagePullBackOff", "Back-off pulling image"))(kubelet, pod)

    return life


def stays_pending(reason: str = "", message: str = "") -> Life:
    """Nothing happens, but perhaps an event."""

    def life(kubelet: Kubelet, pod: Object) -> None:
        if reason:
            kubelet.event(pod, reason, message)

    return life


def vanishes(kubelet: Kubelet, pod: Object) -> None:
    """The node goes away, and its pods with it."""
    kubelet.delete(pod)


def on_this_machine(channels: Channels, command: list[str]) -> None:
    """Run the command here, its stdin left open as exec leaves it."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        for piece in channels.stdin():
            process.stdin.write(piece)
        process.stdin.flush()
        out, err = process.stdout.read(), process.stderr.read()
        code = process.wait()
    channels.send(STDERR, err)
    channels.send(STDOUT, out)
    channels.status(code)
    channels.close()


def canned(output: bytes, code: int = 0, stderr: bytes = b"") -> Command:
    """Takes its stdin and gives this."""

    def command(channels: Channels, words: list[str]) -> None:
        for _ in channels.stdin():
            pass
        channels.send(STDERR, stderr)
        channels.send(STDOUT, output)
        channels.status(code)
        channels.close()

    return command


def breaks_after(output: bytes) -> Command:
    """Half of an output, and the connection is gone."""

    def command(channels: Channels, words: list[str]) -> None:
        channels.send(STDOUT, output)

    return command


def fails_to_run(message: str) -> Command:
    """What the runtime says when the command is not in the image."""

    def command(channels: Channels, words: list[str]) -> None:
        channels.failure(message)
        channels.close()

    return command


def one_after_another(*commands: Command) -> Command:
    """Each exec does the next thing; the last one is for all that follow."""
    left = list(commands)

    def command(channels: Channels, words: list[str]) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(channels, words)

    return command
