"""What the API server says about a collector's pod: is it ready to be used, and if not, why."""

from __future__ import annotations

from enum import Enum

import msgspec
from msgspec import Struct

from skoop.errors import AccessError

_HOPELESS = frozenset(
    (
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "CrashLoopBackOff",
    )
)


class Standing(Enum):
    """How far a pod has come."""

    COMING = "coming"
    RUNNING = "running"
    FAILED = "failed"


class _Meta(Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    deletion_timestamp: str | None = None


class _Spec(Struct, frozen=True, rename="camel"):
    node_name: str = ""


class _Condition(Struct, frozen=True):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Waiting(Struct, frozen=True):
    reason: str = ""
    message: str = ""


class _Terminated(Struct, frozen=True, rename="camel"):
    exit_code: int = 0
    reason: str = ""
    message: str = ""


class _State(Struct, frozen=True):
    waiting: _Waiting | None = None
    running: dict[str, object] | None = None
    terminated: _Terminated | None = None


class _Container(Struct, frozen=True, rename="camel"):
    state: _State = _State()


class _Status(Struct, frozen=True, rename="camel"):
    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: tuple[_Condition, ...] | None = None
    container_statuses: tuple[_Container, ...] | None = None


class PodState(Struct, frozen=True):
    """A pod as far as its life goes."""

    metadata: _Meta = _Meta()
    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def standing(self) -> Standing:
        """Whether it runs, may still, or never will."""
        if self.metadata.deletion_timestamp or self.status.phase in ("Failed", "Succeeded"):
            return Standing.FAILED
        state = self._container
        if state.running is not None:
            return Standing.RUNNING
        hopeless = state.waiting is not None and state.waiting.reason in _HOPELESS
        if hopeless or state.terminated is not None or self._unschedulable:
            return Standing.FAILED
        return Standing.COMING

    @property
    def why(self) -> str:
        """Why it does not run, as a clause; "" when nothing is said."""
        status, state = self.status, self._container
        if self.metadata.deletion_timestamp:
            return "its pod is being deleted"
        if state.terminated is not None:
            end = state.terminated
            return _clause(f"its container ended with status {end.exit_code}", end)
        if state.waiting is not None and state.waiting.reason != "ContainerCreating":
            return _clause("its container does not start", state.waiting)
        if status.phase in ("Failed", "Succeeded"):
            return _clause(f"its pod has {status.phase.lower()}", status)
        if self._unschedulable is not None:
            return _clause("its pod cannot be scheduled", self._unschedulable)
        return ""

    @property
    def spent(self) -> bool:
        """Whether nobody can be using it any more: its time ran out."""
        ran_out = self.status.phase == "Failed" and self.status.reason == "DeadlineExceeded"
        return ran_out or self.status.phase == "Succeeded"

    @property
    def _container(self) -> _State:
        containers = self.status.container_statuses or ()
        return containers[0].state if containers else _State()

    @property
    def _unschedulable(self) -> _Condition | None:
        for each in self.status.conditions or ():
            if (each.type, each.status, each.reason) == ("PodScheduled", "False", "Unschedulable"):
                return each
        return None


def decode_pod(data: bytes) -> PodState:
    """Raises AccessError."""
    try:
        return msgspec.json.decode(data, type=PodState)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise AccessError(f"The API server's pod cannot be read: {error}.") from None


def _clause(what: str, said: _Waiting | _Terminated | _Status | _Condition) -> str:
    detail = ": ".join(filter(None, (said.reason, " ".join(said.message.split())[:300])))
    return f"{what} ({detail})" if detail else what
