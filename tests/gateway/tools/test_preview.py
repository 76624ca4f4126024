"""A tool's preview is judged by its connector when the tool is saved."""

import pytest

from gateway.lib.errors import Refused
from gateway.tools import services
from gateway.tools.models import Tool
from tests.factories.tenants import EnvironmentFactory
from tests.factories.tools import ToolDefinitionFactory

pytestmark = pytest.mark.django_db
HTTP = {
    "connector": "http",
    "operation": "request",
    "config": {"method": "POST", "url": "https://shop.example/notes"},
}


def test_a_preview_elsewhere_is_refused_and_nothing_is_stored() -> None:
    definition = ToolDefinitionFactory(**HTTP, preview={"url": "https://else.example/notes"})
    with pytest.raises(Refused, match="own scheme, host and port"):
        services.save(EnvironmentFactory(), **definition)
    assert not Tool.objects.exists()


def test_a_good_preview_is_kept() -> None:
    preview = {"url": "https://shop.example/notes", "before": "response", "after": "args"}
    tool = services.save(EnvironmentFactory(), **ToolDefinitionFactory(**HTTP, preview=preview))
    assert tool.current is not None
    assert tool.current.preview == preview
