"""Causes in accounts, and in what a cloud closes for everybody."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class CloudCrossSubscription(Finding):
    """The resource belongs to another subscription.

    What it means: A gateway, address or group on the way is owned by another account than the
    interface that uses it (cross-subscription).
    Why it matters: What belongs to one subscription cannot serve another without being shared;
    rules that name it do not match.
    How to fix: Use a resource of the same account, or share it explicitly.
        skoop cloud PROVIDER account-list
    """

    code = "CLOUD053"
    name = "cloud-cross-subscription"
    level = Level.CRITICAL


class CloudPortClosed(Finding):
    """The cloud closes this port for everybody.

    What it means: The cloud drops outbound connections to this port unless it has opened it on
    request (port-closed).
    Why it matters: No rule of yours can open it.
    How to fix: Use another port, such as 465 or 587 for mail, or ask the cloud to open it.
        skoop cloud PROVIDER eip-list
    """

    code = "CLOUD054"
    name = "cloud-port-closed"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    CloudCrossSubscription,
    CloudPortClosed,
)
