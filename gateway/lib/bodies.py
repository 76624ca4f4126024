"""How the REST API reads bodies and writes answers. Imports no views: the settings name it."""

from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from gateway.lib import strictjson
from gateway.lib.errors import Refused


class StrictParser(BaseParser):
    """JSON with exactly one meaning; anything else is refused before a view sees it."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The body's value. Raises Refused, naming the place that has two meanings."""
        # One byte too many is enough to refuse the rest unread.
        raw = stream.read(strictjson.MAX_BYTES + 1)
        if not raw.strip():
            return {}
        try:
            return strictjson.parse(raw)
        except strictjson.Ambiguous as error:
            raise Refused(
                "invalid",
                f"The body is not JSON with one meaning: {error}.",
                reason=error.reason,
                path=error.path,
            ) from error


class OneAnswer(BaseContentNegotiation):
    """There is one form of answer, so what a client accepts is not asked."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """The parser of the body's media type; none for another, which is refused with 415."""
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[Any, str]:
        """JSON."""
        return renderers[0], renderers[0].media_type
