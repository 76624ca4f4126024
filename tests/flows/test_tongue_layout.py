"""Pages with every text a third longer: nothing makes one scroll sideways, on desktop and phone."""

import mimetypes
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from playwright.sync_api import Route

from gateway.demo import cast, services
from gateway.tenants.models import Environment, User
from tests.flows import pages, tongue
from tests.flows.browser import chromium
from tests.flows.test_tongue import WHERE, parts_in, walked

pytestmark = [pytest.mark.flow, pytest.mark.browser, pytest.mark.long, pytest.mark.django_db]
HOST = "http://desk.example"
STATIC = "/static/"
WIDTHS = (1440, 390)


def test_no_page_with_longer_texts_scrolls_sideways(tmp_path: Any, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    with tongue.spoken(settings):
        written = _written()
    assert any(tongue.OPEN in html for html in written.values())

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith(STATIC):
            _static(route, path.removeprefix(STATIC))
        elif path in written:
            route.fulfill(body=written[path], content_type="text/html; charset=utf-8")
        else:
            route.fulfill(status=204)

    found = {}
    with chromium() as browser:
        page = browser.new_context(viewport={"width": 1440, "height": pages.HEIGHT}).new_page()
        page.route("**/*", answer)
        for address in written:
            page.goto(HOST + address, wait_until="load")
            if wide := list(pages.too_wide(page, widths=WIDTHS)):
                found[address] = wide
    assert found == {}


def _written() -> dict[str, str]:
    """Every page of the demo's admin, and of who is not signed in, by its address."""
    services.seed(**WHERE)
    sandbox = Environment.objects.get(tenant__slug=cast.TENANT, slug="sandbox")
    User.objects.filter(email=cast.ANA.email).update(language=tongue.CODE)
    reader, stranger = Client(), Client(headers={"Accept-Language": tongue.CODE})
    reader.force_login(User.objects.get(email=cast.ANA.email))
    answers = {}
    for name, address in walked(parts_in(sandbox)).items():
        answer = (stranger if name in pages.SIGNED_OUT else reader).get(address)
        if answer.status_code == 200:
            answers[address] = answer.content.decode()
    return answers


def _static(route: Route, name: str) -> None:
    path = finders.find(name)
    if path is None:
        route.fulfill(status=404)
        return
    kind = mimetypes.guess_type(name)[0]
    route.fulfill(path=str(path), content_type=kind or "application/octet-stream")
