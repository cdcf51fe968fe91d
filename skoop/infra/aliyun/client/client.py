"""The client: one place that signs, sends, retries, pages and understands errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from skoop.infra.aliyun.client.actions import ASSUME_ROLE_WITH_OIDC, Action, Paging, check
from skoop.infra.aliyun.client.endpoints import DEFAULT_ENDPOINTS, Endpoints
from skoop.infra.aliyun.client.errors import (
    RETRIED,
    AliyunError,
    BadAnswer,
    Forbidden,
    SignatureMismatch,
    class_for,
)
from skoop.infra.aliyun.client.pace import DEFAULT_RETRIES, RateLimit, Retries
from skoop.infra.aliyun.client.redact import Redactor
from skoop.infra.aliyun.client.signing import signed, unsigned
from skoop.infra.aliyun.client.transport import Answer, Transport
from skoop.infra.aliyun.credentials.base import CredentialSource

Document = dict[str, Any]
"""One JSON object of an answer, as the API spells it."""
_MOST_PAGES = 400
"""An endless list is a defect of somebody's; 400 pages of the smallest size are 20,000 items."""
_SUCCESS = frozenset(("", "200", "Success", "OK", "success"))


def silent(line: str) -> None:
    """Where debugging lines go when nobody asked for them."""
    del line


class Client:
    """Asks the API with one identity. Safe to use from several threads."""

    def __init__(
        self,
        source: CredentialSource,
        *,
        transport: Transport | None = None,
        endpoints: Endpoints = DEFAULT_ENDPOINTS,
        retries: Retries = DEFAULT_RETRIES,
        limit: RateLimit | None = None,
        debug: Callable[[str], None] = silent,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source
        self._transport = transport or Transport()
        self._endpoints = endpoints
        self._retries = retries
        self._limit = limit or RateLimit()
        self._debug = debug
        self._sleep = sleep

    def ask(self, action: Action, region: str, parameters: Mapping[str, str]) -> Document:
        """One answer. A list is read to its end and comes back as one answer that holds all items.

        Raises NotAllowed before anything is sent, otherwise a subclass of AliyunError.
        """
        check(action)
        asked = {**parameters, "RegionId": region} if action.regional and region else {**parameters}
        first = self._page(action, region, _first_page(action, asked))
        if action.paging is Paging.NONE:
            return first
        items = list(_items(action, first))
        page, count = first, 1
        while (following := _next_page(action, asked, page, count, len(items))) is not None:
            if count >= _MOST_PAGES:
                raise BadAnswer(f"Aliyun's {action.name} does not end after {count} pages.")
            page = self._page(action, region, following)
            more = _items(action, page)
            items += more
            count += 1
            if not more and action.paging in (Paging.NUMBERED, Paging.ACL_PAGES):
                break
        return _whole(action, first, items)

    def _page(self, action: Action, region: str, parameters: Mapping[str, str]) -> Document:
        attempt = 0
        while True:
            try:
                return self._once(action, region, parameters)
            except RETRIED as error:
                if attempt + 1 >= self._retries.attempts:
                    tries = f" {attempt + 1} tries were made." if attempt else ""
                    raise type(error)(f"{error}{tries}", error.code) from None
                wait = self._retries.wait(attempt)
                self._debug(f"aliyun: {action.name} again in {wait:.1f} s: {error}")
                self._sleep(wait)
                attempt += 1

    def _once(self, action: Action, region: str, parameters: Mapping[str, str]) -> Document:
        host = self._endpoints.host(action.product, region)
        self._limit.take()
        secrets: tuple[str, ...] = ()
        if action is ASSUME_ROLE_WITH_OIDC:
            query = unsigned(action, parameters)
        else:
            credentials = self._source.credentials()
            query = signed(action, parameters, credentials)
            secrets = (credentials.key_id, credentials.secret, credentials.token)
        redact = Redactor((*secrets, query.get("Signature", ""), query.get("OIDCToken", "")))
        shown = redact.parameters(parameters)
        started = time.monotonic()
        try:
            answer = self._transport.post(host, query)
        except AliyunError as error:
            self._debug(f"aliyun: {action.product} {action.name} {host} {shown}: {error}")
            raise
        took = time.monotonic() - started
        request_id = _request_id(answer)
        self._debug(
            f"aliyun: {action.product} {action.name} {host} {shown}: HTTP {answer.status} "
            f"in {took:.2f} s, request {request_id or 'without id'}"
        )
        return _understood(action, host, answer, redact)


# --- pages -------------------------------------------------------------------------------------


def _first_page(action: Action, asked: Mapping[str, str]) -> dict[str, str]:
    match action.paging:
        case Paging.NONE:
            return dict(asked)
        case Paging.NUMBERED:
            return {**asked, "PageNumber": "1", "PageSize": str(action.size)}
        case Paging.ACL_PAGES:
            return {**asked, "Page": "1", "PageSize": str(action.size)}
        case Paging.TOKEN | Paging.ROUTE_TOKEN:
            return {**asked, action.paging.value: str(action.size)}


def _next_page(
    action: Action, asked: Mapping[str, str], page: Document, count: int, have: int
) -> dict[str, str] | None:
    """The parameters of the page after `count` pages with `have` items, None when all is read."""
    if action.paging in (Paging.TOKEN, Paging.ROUTE_TOKEN):
        token = page.get("NextToken") or ""
        first = _first_page(action, asked)
        return {**first, "NextToken": str(token)} if token else None
    acl = action.paging is Paging.ACL_PAGES
    total = page.get("TotalAclEntry" if acl else "TotalCount")
    if total is None:
        raise BadAnswer(f"Aliyun's {action.name} does not say how many there are.")
    if have >= int(total):
        return None
    number = {"Page" if acl else "PageNumber": str(count + 1)}
    return {**_first_page(action, asked), **number}


def _items(action: Action, page: Document) -> list[Any]:
    """The list in an answer. An absent list is an empty one: the API leaves it out."""
    value: Any = page
    for key in action.items:
        if not isinstance(value, dict):
            raise BadAnswer(f"Aliyun's {action.name} has no {key} where one is documented.")
        value = value.get(key)
        if value is None:
            return []
    if not isinstance(value, list):
        raise BadAnswer(f"Aliyun's {action.name} holds no list in {'.'.join(action.items)}.")
    return value


def _whole(action: Action, first: Document, items: list[Any]) -> Document:
    """The first page with every page's items in it, and without what belonged to the pages."""
    value: Any = items
    for key in reversed(action.items):
        value = {key: value}
    kept = {name: one for name, one in first.items() if name not in _PAGE_FIELDS}
    return {**kept, **value}


_PAGE_FIELDS = frozenset(
    ("NextToken", "PageNumber", "PageSize", "MaxResults", "TotalCount", "TotalAclEntry")
)


# --- answers -----------------------------------------------------------------------------------


def _request_id(answer: Answer) -> str:
    try:
        return str(msgspec.json.decode(answer.body).get("RequestId", ""))[:64]
    except (msgspec.DecodeError, AttributeError):
        return ""


def _understood(action: Action, host: str, answer: Answer, redact: Redactor) -> Document:
    """The document of a good answer. Raises what a bad one means."""
    try:
        document = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        document = None
    if not isinstance(document, dict):
        if answer.status >= 500:
            raise class_for("", answer.status)(
                f"{host} failed {action.name} with HTTP {answer.status}."
            )
        raise BadAnswer(
            f"{host} answered {action.name} with HTTP {answer.status} and something that is not "
            "the API's JSON. Is a proxy or a login page in between?"
        )
    code = str(document.get("Code") or "")
    if answer.status < 300 and code in _SUCCESS:
        return document
    raise _failure(action, code, answer.status, document, redact)


def _failure(
    action: Action, code: str, status: int, document: Document, redact: Redactor
) -> AliyunError:
    request_id = str(document.get("RequestId") or "")[:64]
    kind = class_for(code, status)
    said = redact(str(document.get("Message") or "")).strip()[:300]
    text = _TEXTS.get(kind.__name__, "Aliyun refused {action}.").format(
        action=f"{action.product} {action.name}", permission=action.permission or action.name
    )
    quote = f" It said {code or status}: {said}" if kind is not SignatureMismatch else f" ({code})"
    error = kind(f"{text}{quote}", code, request_id)
    if isinstance(error, Forbidden):
        error.permission = action.permission
    return error


_TEXTS: Mapping[str, str] = {
    "InvalidAccessKey": "Aliyun does not know this access key, or it is disabled.",
    "SignatureMismatch": "The access key's secret is wrong: Aliyun rejects the signature.",
    "ExpiredToken": "The security token has expired or is not valid; get a new one.",
    "ClockSkew": "This machine's clock is too far from Aliyun's; set it and ask again.",
    "Forbidden": "This identity may not do {action}: grant it {permission} in RAM.",
    "Throttled": "Aliyun throttles {action}.",
    "UnknownRegion": "Aliyun has no such region.",
    "NotFound": "What {action} asks for is not there.",
    "Unavailable": "Aliyun cannot answer {action} now.",
}
