"""Deliveries of the schemes that are checked by code, as their providers make them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest

from tests.webhooks.schemes.keys import URL
from webhooks.schemes.base import Delivery, HeaderPair, Request, Scheme
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.secrets import key_of
from webhooks.schemes.verifier import verify

NOW = 1_790_000_000
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Given:
    """One delivery to a source with these secrets; `with_` gives the same with changes."""

    scheme_name: str
    secrets: tuple[str, ...]
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    more_headers: tuple[tuple[str, str], ...] = ()
    url: bytes = URL
    query: bytes = b""
    now: float = NOW
    documents: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def scheme(self) -> Scheme:
        """The entry of the catalogue."""
        return SCHEMES[self.scheme_name]

    @cached_property
    def keys(self) -> list[bytes]:
        """What the source keeps."""
        return [key_of(self.scheme, secret) for secret in self.secrets]

    def with_(self, **changes: Any) -> "Given":
        """The same delivery but for these."""
        return type(self)(**({name: getattr(self, name) for name in self.__match_args__} | changes))

    def with_headers(self, **changes: str | None) -> "Given":
        """The same delivery with other headers; None takes one away."""
        named = {name.replace("_", "-"): value for name, value in changes.items()}
        headers = {**self.headers, **named}
        return self.with_(headers={n: v for n, v in headers.items() if v is not None})

    @property
    def request(self) -> Request:
        """As the verifier gets it."""
        pairs: Iterable[tuple[str, str]] = (*self.headers.items(), *self.more_headers)
        raw: list[HeaderPair] = [(n.encode(), v.encode("latin-1")) for n, v in pairs]
        query = b"?" + self.query if self.query else b""
        return Request(
            raw, self.body, self.now, None, self.url + query, b"POST", self.query, self.documents
        )

    def verified(self) -> Delivery:
        """What the verifier finds; raises Unverified."""
        return verify(self.scheme, self.keys, self.request)

    def refusal(self) -> Unverified:
        """Why the verifier refuses; anything but a refusal fails the test."""
        with pytest.raises(Unverified) as caught:
            self.verified()
        return caught.value

    @property
    def reason(self) -> Reason:
        """The reason of the refusal."""
        return self.refusal().reason
