"""The RAM policy that grants what skoop asks, made from the list of what it may ask.

https://www.alibabacloud.com/help/en/ram/user-guide/policy-structure-and-syntax
"""

from __future__ import annotations

import json

from skoop.infra.aliyun.client.actions import ALLOWED
from skoop.infra.permission import Permission


def permissions() -> tuple[Permission, ...]:
    """Every action on the list, in order."""
    return tuple(
        sorted(
            Permission(one.product, one.version, one.name, one.permission)
            for one in ALLOWED.values()
        )
    )


def policy() -> str:
    """The policy as JSON. Assuming a role needs what that role's trust policy says, and is not
    part of it."""
    granted = sorted({each.grant for each in permissions() if each.grant})
    statement = {"Effect": "Allow", "Action": granted, "Resource": "*"}
    return json.dumps({"Version": "1", "Statement": [statement]}, indent=2) + "\n"
