"""A cloud that cannot be asked, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from skoop.infra.aliyun.client.actions import Action
from skoop.infra.aliyun.client.errors import AliyunError


class Refusing:
    """Answers every question with the same error: there are no credentials to ask with."""

    def __init__(self, error: AliyunError) -> None:
        self._error = error

    def ask(self, action: Action, region: str, parameters: Mapping[str, str]) -> NoReturn:
        """Raises the error."""
        del action, region, parameters
        raise self._error
