"""Which addresses are pages, and what each must be: without barriers, and as wide as its window.

Every HTML route is walked unless it stands here with a reason; a new kind of page whose address
needs a value that `demo.py` does not know fails in `browser.routes`. Of Django's explorer every
list is walked, and the first row of each.
"""

from collections.abc import Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from playwright.sync_api import Page

from tests.flows.browser import routes
from tests.flows.demo import Demo

# Addresses that only take a form, are files, answer a script, or are for whoever comes back from
# somewhere or is on the way in.
NO_PAGES = {
    "favicon", "service_worker", "home", "tenants:add_group", "tenants:revoke",
    "connections:callback", "notices:add_browser", "notices:remove_browser",
    "audit:bundle", "audit:proof", "audit:verification", "audit:send_outlet", "runs:rate",
    "approvals:view", "approvals:save_view", "approvals:change_view",
    "approvals:remove_view", "approvals:challenge",
    "notices:code", "notices:unlink", "notices:try", "account_email", "account_end_session",
    "account_end_others", "mfa_authenticate", "mfa_login_webauthn", "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn", "mfa_deactivate_totp", "mfa_edit_webauthn",
    "mfa_remove_webauthn", "mfa_view_recovery_codes", "openid_connect_login",
    "openid_connect_callback", "board:make_source", "board:send", "board:make_key",
    "presence", "presence_sign",
}  # fmt: skip
# Pieces of pages: htmx puts them into one.
FRAGMENTS = {"approvals:inbox_count", "approvals:row", "board:attention_count"}
SIGNED_OUT = {
    "account_login", "account_reset_password", "account_reset_password_done", "account_inactive",
    "account_signup", "account_reset_password_from_key", "account_reset_password_from_key_done",
    "invitation", "first_run",
}  # fmt: skip
# Swagger's own page: its markup is not ours.
OF_OTHERS = ("/api/docs",)
# Of the explorer: forms that it refuses, answers to scripts, ways elsewhere, a file to keep, and
# Django's own history, which is empty here.
EXPLORER_KINDS = ("changelist", "change", "add", "delete", "history")
EXPLORER_NO_PAGES = {
    "login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n",
    "view_on_site", "audit_auditrecord_proof",
}  # fmt: skip
FIRST_ROW = "#result_list tbody th a, #result_list tbody td a"
THEMES = ("light", "dark")
WIDTHS = (1440, 390, 320)
HEIGHT = 900
# WCAG 2.2's size of targets is the one rule of its levels that axe leaves out unasked.
# Style sheets are not fetched anew by it: that would break the content policy, and only it would.
AXE = {
    "resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}, "preload": False,
}  # fmt: skip
# A button that is still fading in has less contrast than the one that people read.
STILL = "() => Promise.allSettled(document.getAnimations().map(one => one.finished))"
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const wide = [...document.querySelectorAll("body *")].filter(
    one => one.getBoundingClientRect().right > width + 1);
  return wide.slice(0, 3).map(one => one.outerHTML.slice(0, 120));
}"""


def signed_in_pages(here: Demo) -> dict[str, str]:
    """Every page of somebody who is signed in, by its name."""
    left_out = NO_PAGES | FRAGMENTS | SIGNED_OUT
    pages = {name: at for name, at in routes(here.known).items() if name not in left_out}
    return pages | here.other_pages


def signed_out_pages(here: Demo) -> dict[str, str]:
    """Every page of somebody who is not."""
    return {name: at for name, at in routes(here.known).items() if name in SIGNED_OUT}


def explorer_lists() -> dict[str, str]:
    """The explorer's front page, its apps, and the list of every kind of row, by name."""
    found = {"index": reverse("admin:index")}
    for model in admin.site._registry:
        app, label = model._meta.app_label, model._meta.label_lower
        found[app] = reverse("admin:app_list", kwargs={"app_label": app})
        found[label] = reverse(f"admin:{label.replace('.', '_')}_changelist")
    return found


def first_row(page: Page) -> str:
    """The address of the first row of the list that is open; empty where the list is."""
    link = page.locator(FIRST_ROW).first
    return str(link.get_attribute("href")) if link.count() else ""


def unknown_to_the_explorer() -> set[str]:
    """Names of the explorer's addresses that are neither walked nor named above."""
    # Reading the addresses is what registers the models.
    (explorer,) = (one for one in get_resolver().url_patterns if _is_explorer(one))
    of_rows = {
        f"{model._meta.label_lower.replace('.', '_')}_{kind}"
        for model in admin.site._registry
        for kind in EXPLORER_KINDS
    }
    return set(_names(explorer)) - of_rows - EXPLORER_NO_PAGES - {"index", "app_list"}


def _is_explorer(pattern: URLPattern | URLResolver) -> bool:
    return isinstance(pattern, URLResolver) and pattern.app_name == "admin"


def _names(resolver: URLResolver) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _names(pattern)
        elif pattern.name:
            yield pattern.name


def is_ours(address: str) -> bool:
    """Whether the page's markup is ours to answer for."""
    return not address.startswith(OF_OTHERS)


def barriers(page: Page, *, themes: tuple[str, ...] = THEMES) -> Iterator[str]:
    """What axe finds on the page as it stands, in each theme."""
    for theme in themes:
        page.evaluate("theme => document.documentElement.dataset.bsTheme = theme", theme)
        page.evaluate(STILL)
        for one in _found(page):
            for node in one["nodes"]:
                yield f"{theme}: {one['id']} {node['target']} {node['html'][:120]}"


def _found(page: Page) -> list[Any]:
    return list(Axe().run(page, options=AXE).response["violations"])


def too_wide(page: Page, *, widths: tuple[int, ...] = WIDTHS) -> Iterator[str]:
    """What makes the page scroll sideways at each width; the window is as wide as before after."""
    before = page.viewport_size
    for width in widths:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        for one in page.evaluate(TOO_WIDE):
            yield f"{width} px: {one}"
    if before is not None:
        page.set_viewport_size(before)
