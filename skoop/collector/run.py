"""One collection of several nodes: its threads, and what they do for a node."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from skoop.cluster.api import ApiClient, At
from skoop.cluster.api.resource import PODS
from skoop.collector import labels
from skoop.collector.board import Board
from skoop.collector.images import resident_pod, suitable_images
from skoop.collector.options import CollectorOptions
from skoop.collector.podspec import Assignment, lifetime
from skoop.collector.script import PodOnNode
from skoop.collector.visit import (
    FailedError,
    IncompleteError,
    Place,
    UnsuitableError,
    Visitor,
)
from skoop.collector.wanted import NodeFailure, obstacle, pods_on, weakness
from skoop.collector.yard import StoppedError, Yard
from skoop.errors import AccessError
from skoop.model.kube import Inventory
from skoop.model.progress import NodeFailed, NodeFinished, NodeStarted, Observer, Warned
from skoop.snapshot import NodeDocument

Result = NodeDocument | NodeFailure | BaseException
_Pods = tuple[PodOnNode, ...]
_SLICE = 0.25
"""Seconds for which a result is awaited before signals are let in."""
_NO_IMAGE = (
    "no image on it is known to have sh, iproute2 and iptables; name one with --collector-image"
)


class Run:
    """One collection. Its pods carry an id of its own; none is made once `clean_up` has begun."""

    def __init__(
        self,
        client: ApiClient,
        inventory: Inventory,
        options: CollectorOptions,
        observe: Observer,
    ) -> None:
        self._client, self._inventory = client, inventory
        self._options, self._observe = options, observe
        self._id = labels.new_run()
        self._board = Board(client, options.namespace, labels.SHORT_LIVED_SELECTOR)
        self._yard = Yard(client, options)
        self._visitor = Visitor(client, options, self._board, self._yard, observe)
        self._nodes: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()

    def results(self, nodes: Sequence[str]) -> Iterator[NodeDocument | NodeFailure]:
        """Collect every node; the results as they come. What breaks in a thread is raised here."""
        for node in nodes:
            self._nodes.put(node)
        for _ in range(min(self._options.parallel, len(nodes))):
            threading.Thread(target=self._work, name="skoop-collect", daemon=True).start()
        for _ in nodes:
            result = self._next()
            if isinstance(result, BaseException):
                raise result
            yield result

    def _next(self) -> Result:
        """The next result, awaited in slices: a signal that arrives just before a thread begins to
        wait does not wake it."""
        while True:
            with suppress(queue.Empty):
                return self._results.get(timeout=_SLICE)

    def clean_up(self) -> None:
        """Delete the run's pods, and say which could not be."""
        left = self._yard.clear()
        if left:
            names, seconds = ", ".join(left), lifetime(self._options)
            self._observe(
                Warned(
                    f"Could not delete in namespace {self._options.namespace}: {names}; each ends"
                    f" by itself within {seconds} s; `skoop collector gc` removes what remains"
                )
            )
        # What a run left that was killed: the watch has shown it anyhow.
        for pod in self._board.spent():
            with suppress(AccessError):
                self._client.delete(At(PODS, pod.metadata.namespace, pod.metadata.name))
        self._board.stop()

    def _work(self) -> None:
        """A thread: node after node, until none is left or the run ends."""
        while True:
            try:
                node = self._nodes.get_nowait()
            except queue.Empty:
                return
            made: list[str] = []
            try:
                self._results.put(self._collect(node, made))
            except StoppedError:
                return
            except BaseException as error:  # noqa: BLE001 (raised where the results are awaited)
                self._results.put(error)
            finally:
                for name in made:
                    with suppress(AccessError):  # `clean_up` tries again and tells.
                        self._yard.remove(name)

    def _collect(self, node: str, made: list[str]) -> NodeDocument | NodeFailure:
        """One node. The names of pods that are made for it are added to `made`, whatever comes."""
        self._observe(NodeStarted(node))
        known = self._inventory.node(node)
        why = obstacle(node, self._inventory, self._options.node_selector)
        if not why:
            result = self._first_that_reads(node, made)
            if isinstance(result, NodeDocument):
                return result
            why = "; ".join(filter(None, (result, weakness(known) if known else "")))
        if self._yard.stopped:
            raise StoppedError  # Its pod was deleted because the run ends, which is no news.
        self._observe(NodeFailed(node, why))
        return NodeFailure(node, why)

    def _first_that_reads(self, node: str, made: list[str]) -> NodeDocument | str:
        """By the collector that is there, else by one pod after another until an image does; or
        why by none. A collector that is there and does not answer is no reason to give up."""
        pods = pods_on(node, self._inventory)
        reasons: list[str] = []
        incomplete: list[NodeDocument] = []
        for read in self._ways(node, made):
            try:
                return read(pods)
            except IncompleteError as error:
                incomplete.append(error.document)
            except UnsuitableError as error:
                reasons.append(str(error))
            except FailedError as error:
                reasons.append(str(error))
                if made:
                    break
        if incomplete:
            self._observe(NodeFinished(node, len(incomplete[0].namespaces)))
            return incomplete[0]
        return "; ".join(reasons) or _NO_IMAGE

    def _ways(self, node: str, made: list[str]) -> Iterator[Callable[[_Pods], NodeDocument]]:
        resident = resident_pod(node, self._inventory)
        if resident is not None:
            place = Place(resident.namespace, resident.name)
            until = time.monotonic() + self._options.timeout
            yield lambda pods: self._visitor.read(place, node, pods, until)
        images = suitable_images(node, self._inventory)
        for attempt, image in enumerate((self._options.image,) if self._options.image else images):
            assignment = Assignment(
                run=self._id, node=node, image=image, now=time.time(), attempt=attempt
            )
            made.append(assignment.name)
            self._board.start()
            yield lambda pods, mine=assignment: self._visitor.with_pod(mine, pods)  # type: ignore[misc]
