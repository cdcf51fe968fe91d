"""Nothing secret leaves: not in errors, not with --debug, not in what is recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

SECRET_PARAMETERS = frozenset(
    (
        "AccessKeyId",
        "AccessKeySecret",
        "SecurityToken",
        "Signature",
        "SignatureNonce",
        "OIDCToken",
        "RoleSessionName",
    )
)
"""Request parameters whose values are never shown or stored."""

HIDDEN = "***"
_SHORTEST = 6


class Redactor:
    """Replaces known secrets in a text, also where they are written as in a URL."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                forms.update((secret, quote(secret, safe="~"), quote_plus(secret, safe="~")))
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """The text without the secrets."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text

    def parameters(self, parameters: Mapping[str, str]) -> str:
        """Request parameters as `Name=value`, secret ones hidden, in the order of their names."""
        return " ".join(
            f"{name}={HIDDEN if name in SECRET_PARAMETERS else self(value)}"
            for name, value in sorted(parameters.items())
        )
