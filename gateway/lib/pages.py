"""Cursor pages of the REST API: `{items, has_more, next_cursor}`."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from rest_framework.pagination import CursorPagination
from rest_framework.response import Response

PAGE_SIZE = 50
MAX_PAGE_SIZE = 200


class CursorPages(CursorPagination):
    """Newest first by id (UUIDv7 sorts by time), stable while rows are added."""

    ordering = "-id"
    page_size = PAGE_SIZE
    page_size_query_param = "limit"
    max_page_size = MAX_PAGE_SIZE

    def get_paginated_response(self, data: Any) -> Response:
        """The page with the cursor of the next one, or null."""
        link = self.get_next_link()
        cursor = parse_qs(urlsplit(link).query)["cursor"][0] if link else None
        return Response({"items": data, "has_more": link is not None, "next_cursor": cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The OpenAPI form of a page."""
        return {
            "type": "object",
            "required": ["items", "has_more", "next_cursor"],
            "properties": {
                "items": schema,
                "has_more": {"type": "boolean"},
                "next_cursor": {"type": ["string", "null"]},
            },
        }
