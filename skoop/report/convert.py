"""From a diagnosis to the document that every format is made of."""

from __future__ import annotations

import skoop
from skoop.model.diagnosis import Diagnosis, Endpoint, PathLink, Suspicion
from skoop.model.packet import Packet, protocol_name
from skoop.model.trace import Evidence, Trace
from skoop.report import document as doc

DOCS = "docs/findings.md"
"""Where the manual explains findings; an anchor is the finding's name."""


def to_document(diagnosis: Diagnosis) -> doc.ResultDoc:
    """The diagnosis in the shape that docs/json.md promises."""
    return doc.ResultDoc(
        schema_version=doc.SCHEMA_VERSION,
        tool_version=skoop.__version__,
        verdict=diagnosis.verdict.value,
        source=_endpoint(diagnosis.source),
        destination=_endpoint(diagnosis.destination),
        protocol=diagnosis.protocol,
        summary=diagnosis.summary,
        outcomes=tuple(
            doc.OutcomeDoc(
                weight=one.weight,
                result=one.result.value,
                server=_endpoint(one.server) if one.server else None,
                seen_source=one.seen_source,
                branches=one.branches,
            )
            for one in diagnosis.outcomes
        ),
        suspicions=tuple(_suspicion(one) for one in diagnosis.suspicions),
        path=_path(diagnosis),
        traces=tuple(_trace(one) for one in diagnosis.traces),
        not_checked=tuple(doc.NotCheckedDoc(one.what, one.why) for one in diagnosis.not_checked),
        assumptions=tuple(doc.AssumptionDoc(one) for one in diagnosis.assumptions),
    )


def _endpoint(one: Endpoint) -> doc.EndpointDoc:
    return doc.EndpointDoc(one.kind.value, one.name, one.namespace, one.ip, one.node, one.port)


def _packet(one: Packet) -> doc.PacketDoc:
    return doc.PacketDoc(
        text=str(one),
        protocol=protocol_name(one.proto),
        source=one.source,
        destination=one.destination,
        sport=one.sport if one.sport >= 0 else None,
        dport=one.dport if one.dport >= 0 else None,
        size=one.size,
        mark=one.mark,
        vni=one.vni if one.vni >= 0 else None,
        inner=_packet(one.inner) if one.inner else None,
    )


def _evidence(evidence: tuple[Evidence, ...]) -> tuple[doc.EvidenceDoc, ...]:
    return tuple(doc.EvidenceDoc(one.source, one.text) for one in evidence)


def _suspicion(one: Suspicion) -> doc.SuspicionDoc:
    return doc.SuspicionDoc(
        code=one.code,
        name=one.name,
        level=one.level.value,
        blocking=one.blocking,
        node=doc.WhereDoc(one.where.kind, one.where.name),
        direction=one.direction.value,
        message=one.message,
        why=one.why,
        evidence=_evidence(one.evidence),
        fix=one.fix,
        docs=f"{DOCS}#{one.name}",
    )


def _path(diagnosis: Diagnosis) -> doc.PathDoc:
    nodes = tuple(
        doc.PathNodeDoc(one.id, one.kind.value, one.name, one.namespace, one.ip, one.emulated)
        for one in diagnosis.path.nodes
    )
    return doc.PathDoc(nodes, tuple(_link(one) for one in diagnosis.path.links))


def _link(one: PathLink) -> doc.PathLinkDoc:
    return doc.PathLinkDoc(
        source=one.source,
        target=one.target,
        type=one.type,
        oif=one.oif,
        iif=one.iif,
        direction=one.direction.value,
        packet=_packet(one.packet),
        encap=_packet(one.encap) if one.encap else None,
    )


def _trace(one: Trace) -> doc.TraceDoc:
    hops = tuple(
        doc.HopDoc(
            node=hop.node,
            iif=hop.iif,
            oif=hop.oif,
            packet_in=_packet(hop.packet_in),
            packet_out=_packet(hop.packet_out),
            steps=tuple(
                doc.StepDoc(step.kind.value, step.detail, _evidence(step.evidence))
                for step in hop.steps
            ),
        )
        for hop in one.hops
    )
    return doc.TraceDoc(
        direction=one.direction.value,
        purpose=one.purpose,
        weight=one.weight,
        disposition=one.disposition.value,
        hops=hops,
        branch=one.branch,
    )
