"""Checking signatures, written from the documentation and not from the signer under test.

Version 1: https://www.alibabacloud.com/help/en/sdk/product-overview/rpc-mechanism
Version 3: https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote


def percent(text: str) -> str:
    """RFC 3986, with only the unreserved characters left as they are."""
    return quote(text, safe="-_.~")


def version_1(method: str, params: Mapping[str, str], secret: str) -> str:
    """The Signature of all parameters but itself."""
    query = "&".join(
        f"{percent(name)}={percent(value)}"
        for name, value in sorted(params.items())
        if name != "Signature"
    )
    text = f"{method}&{percent('/')}&{percent(query)}"
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def version_3(
    method: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    signed: list[str],
    body: bytes,
    secret: str,
) -> str:
    """The signature in an `ACS3-HMAC-SHA256` Authorization header."""
    line = "&".join(f"{percent(name)}={percent(value)}" for name, value in sorted(query.items()))
    lines = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in signed)
    payload = hashlib.sha256(body).hexdigest()
    canonical = "\n".join((method, "/", line, lines, ";".join(signed), payload))
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
