"""The REST API: every app's resources under one router, its schema, and the reference page."""

import json
import threading
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, include, re_path
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator

from approvals.api import BreakGlassViews, DelegationViews, GrantViews, KillSwitchViews, PolicyViews
from audit.api import AuditViews
from gateway.agents.api import AgentViews, ApiKeyViews
from gateway.budgets.api import BudgetViews
from gateway.connections.api import ConnectionViews
from gateway.lib.problems import MEDIA_TYPE, problem_response
from gateway.lib.rest import Router
from gateway.notices.api import NoticeViews
from gateway.runs.api import RunActionViews, RunViews
from gateway.tenants.api import EnvironmentListViews, GroupViews, MemberViews
from gateway.tenants.authentication import ENVIRONMENT_HEADER
from gateway.tools.api import ToolViews
from webhooks.api import EventViews, ProviderViews, SourceViews

RESOURCES: dict[str, type[Any]] = {
    "agents": AgentViews,
    "sources": SourceViews,
    "events": EventViews,
    "providers": ProviderViews,
    "runs": RunViews,
    "tools": ToolViews,
    "connections": ConnectionViews,
    "policies": PolicyViews,
    "actions": RunActionViews,
    "break-glass": BreakGlassViews,
    "grants": GrantViews,
    "kill-switch": KillSwitchViews,
    "delegations": DelegationViews,
    "audit": AuditViews,
    "members": MemberViews,
    "groups": GroupViews,
    "api-keys": ApiKeyViews,
    "budgets": BudgetViews,
    "environments": EnvironmentListViews,
    "notices": NoticeViews,
}
METHODS = frozenset({"get", "post", "put", "patch", "delete"})
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "What happened, for machines."},
        "detail": {"type": "string", "description": "What happened, for people."},
        "request_id": {"type": "string"},
        "errors": {"description": "The refused fields, each with its reasons."},
    },
}

_generating = threading.Lock()
router = Router()
for _name, _views in RESOURCES.items():
    router.register(_name, _views, basename=f"api-{_name}")


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call,misc]
    """How the document describes API keys."""

    target_class = "gateway.tenants.authentication.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A bearer token."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "csk_…"}


class BrowserScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call,misc]
    """How the document describes the desk's session."""

    target_class = "gateway.tenants.authentication.BrowserAuthentication"
    name = "environment"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The header that a signed-in person adds."""
        detail = "With the desk's session: tenant/environment."
        return {
            "type": "apiKey",
            "in": "header",
            "name": ENVIRONMENT_HEADER,
            "description": detail,
        }


def with_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Every operation may answer with a problem; addresses need no slash at the end."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    answer = {
        "description": "A problem.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    result["paths"] = {path.rstrip("/"): value for path, value in result["paths"].items()}
    for operations in result["paths"].values():
        for method in METHODS & operations.keys():
            operations[method]["responses"]["default"] = answer
    return result


def document() -> str:
    """The OpenAPI document as JSON text; it cannot change while the process runs.

    One thread makes it: the generator fails where a second one finds its classes half loaded.
    """
    with _generating:
        return _document()


@cache
def _document() -> str:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    return json.dumps(generator.get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI 3.1 document; it holds no secret, so anybody may read it."""
    return HttpResponse(document(), content_type="application/json")


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """The reference page, drawn by Swagger UI from the document."""
    return render(request, "api/docs.html")


def unknown(request: HttpRequest) -> HttpResponse:
    """Whatever else is asked for below `/api/`."""
    return problem_response(404, "not_found", "There is no such resource.")


urlpatterns: list[URLPattern | URLResolver] = [
    re_path("^v1/", include(router.urls)),
    re_path("^schema/?$", schema, name="api-schema"),
    re_path("^docs/?$", reference, name="api-docs"),
    re_path("", unknown),
]
