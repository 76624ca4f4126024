"""Any REST service: one request described by the tool's configuration."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.connectors.base import ConnectorRequest, Operation, Outcome, Preview
from gateway.connectors.calls import perform, read
from gateway.connectors.operations import by_name, found
from gateway.http.errors import OutsideError
from gateway.http.messages import RetryClass
from gateway.lib.cel import CelError, CelRuntimeError, compile_expression
from gateway.tools.render import RenderError, check_http_config, render_http

REQUEST = "request"
PREVIEW_VARIABLES = ("response", "args")
PREVIEW_FIELDS = frozenset({"method", "url", "before", "after"})


class HttpConnector:
    """Operation `request`: sends exactly what was rendered.

    The configuration may hold `preview` {method, url, before, after}: a GET whose answer the two
    CEL expressions turn into the state before and after; they see `response` and `args`.
    """

    name = "http"
    operations = by_name(
        Operation(
            REQUEST,
            "Send one request",
            side_effect="write",
            retry_class=RetryClass.UNSAFE,
            has_preview=True,
            proof="`tests/gateway/connectors/test_http.py`, over real HTTP",
        )
    )

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Judge a tool's definition; raises Unknown or RenderError."""
        found(self.operations, operation, connector=self.name)
        plain = _without_preview(config)
        check_http_config(plain, dict(schema))
        if preview := config.get("preview"):
            _check_preview(preview, plain, schema=schema)

    def render(
        self, config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The exact request without secrets; pure."""
        found(self.operations, operation, connector=self.name)
        return render_http(_without_preview(config), dict(arguments))

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """The state before and after, or None where the tool has no preview."""
        preview = request.config.get("preview")
        if not preview:
            return None
        try:
            rendered = render_http(_preview_config(preview), dict(request.arguments))
        except RenderError as error:
            raise OutsideError("preview_failed", True, False, detail=str(error)) from error
        response = read(request, rendered)
        facts = {"response": response, "args": dict(request.arguments)}
        return Preview(
            before=_evaluate(preview.get("before"), facts),
            after=_evaluate(preview.get("after"), facts),
            affected=(),
            as_of=datetime.now(UTC),
        )

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Send it once."""
        return perform(request)


def _without_preview(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != "preview"}


def _preview_config(preview: Mapping[str, Any]) -> dict[str, Any]:
    return {"method": "GET", "url": preview["url"]}


def _check_preview(preview: Any, plain: Mapping[str, Any], *, schema: Mapping[str, Any]) -> None:
    if not isinstance(preview, dict) or not isinstance(preview.get("url"), str):
        raise RenderError("preview", "a url is needed")
    if unknown := set(preview) - PREVIEW_FIELDS:
        raise RenderError("preview", f"there is no field {', '.join(sorted(unknown))}")
    if preview.get("method", "GET") != "GET":
        raise RenderError("preview.method", "a preview only reads: GET")
    check_http_config(_preview_config(preview), dict(schema))
    if _origin(preview["url"]) != _origin(str(plain["url"])):
        # The preview is sent with the tool's credential, which belongs to one service.
        raise RenderError("preview.url", "the tool's own scheme, host and port are needed")
    for name in ("before", "after"):
        if source := preview.get(name):
            try:
                compile_expression(source, PREVIEW_VARIABLES)
            except CelError as error:
                raise RenderError(f"preview.{name}", error.message) from error


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    for mark in "/?#":
        rest = rest.partition(mark)[0]
    return f"{scheme}://{rest}".lower()


def _evaluate(source: str | None, facts: dict[str, Any]) -> Any:
    if not source:
        return None
    try:
        return compile_expression(source, PREVIEW_VARIABLES).evaluate(facts)
    except (CelError, CelRuntimeError) as error:
        raise OutsideError(
            "preview_failed", True, False, detail=f"The preview has no value: {error}"
        ) from error
