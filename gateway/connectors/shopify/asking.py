"""Asking Shopify without changing anything: where, with which credential, at what cost."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.connectors import rest
from gateway.connectors.base import ConnectorRequest, Secret
from gateway.connectors.calls import costing, read
from gateway.connectors.shopify.answers import data_of, refusal
from gateway.connectors.shopify.catalogue import VERSION
from gateway.connectors.shopify.documents import name_of
from gateway.tools.render import RenderError

TOKEN_HEADER = "X-Shopify-Access-Token"  # noqa: S105  the name of a header
_SHOP = re.compile(r"[a-z0-9][a-z0-9-]{0,60}\.myshopify\.com")
READING_POINTS = 20.0


def endpoint(config: Mapping[str, Any]) -> str:
    """The one address of the Admin API, with its version. Raises RenderError."""
    rest.check_fields(config, ("shop", "base_url"))
    shop = config.get("shop")
    if "base_url" in config and shop is None:
        base = rest.base_url(config, "")
    elif isinstance(shop, str) and _SHOP.fullmatch(shop) and "base_url" not in config:
        base = f"https://{shop}"
    else:
        raise RenderError("shop", "the shop's own domain is needed: name.myshopify.com")
    return f"{base}/admin/api/{VERSION}/graphql.json"


def rendered(config: Mapping[str, Any], document: str, variables: Mapping[str, Any]) -> Any:
    """The exact request without secrets."""
    body = {"query": document, "operationName": name_of(document), "variables": variables}
    return rest.json_request("POST", endpoint(config), body)


def ask(request: ConnectorRequest, document: str, **variables: Any) -> Mapping[str, Any]:
    """The data that answers a reading; raises OutsideError."""
    prepared = authorized(request, points=READING_POINTS)
    question = rendered(request.config, document, variables)
    return data_of(read(prepared, question, refusal=refusal))


def authorized(request: ConnectorRequest, *, points: float) -> ConnectorRequest:
    """The attempt with the token in Shopify's own header, and with what it costs."""
    renew = request.renew
    return replace(
        costing(request, points),
        secret=_in_header(request.secret) if request.secret else None,
        renew=(lambda: _renewed(renew())) if renew else None,
    )


def _renewed(secret: Any) -> Any:
    return _in_header(secret) if isinstance(secret, Secret) else secret


def _in_header(secret: Secret) -> Secret:
    if secret.kind != "bearer":
        return secret
    return replace(secret, kind="header", header=TOKEN_HEADER)
