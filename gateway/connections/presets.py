"""Services that Connect knows: where they ask for consent, issue, and take back. Data only.

Addresses and parameters are the vendors' own, from their descriptions of OAuth; nothing here was
tried against the real service.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from gateway.lib.tongue import gettext_noop

# Letters of a host's or path's single part: what is filled in must not lead to another host.
PLACE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,98}[A-Za-z0-9])?")
# Filled in from the preset where the configuration says nothing.
FILLED = (
    "authorize_url",
    "token_url",
    "revoke_url",
    "scopes",
    "client_auth",
    "header",
    "check_url",
    "hosts",
)


@dataclass(frozen=True)
class Preset:
    """One service. `{name}` in an address is asked for (`asks`): a shop, a directory.

    `revoke`: how it takes a token back: a form with `token` (RFC 7009), the token itself as
    `bearer`, or `github`'s DELETE. `extra` is added to the consent page's address.
    `hosts` are those of its API, which alone get the token.
    """

    name: str
    title: str
    authorize_url: str
    token_url: str
    revoke_url: str = ""
    revoke: str = "form"
    scopes: str = ""
    separator: str = " "
    client_auth: str = "basic"
    header: str = ""
    check_url: str = ""
    hosts: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    asks: str = ""
    asks_help: str = ""
    note: str = ""


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "github",
            "GitHub",
            "https://github.com/login/oauth/authorize",
            "https://github.com/login/oauth/access_token",
            revoke_url="https://api.github.com/applications/{client_id}/token",
            revoke="github",
            scopes="repo",
            client_auth="body",
            check_url="https://api.github.com/user",
            hosts="api.github.com uploads.github.com",
            note=gettext_noop(
                "An OAuth app's token does not expire; a GitHub App's may, and is refreshed."
            ),
        ),
        Preset(
            "slack",
            "Slack",
            "https://slack.com/oauth/v2/authorize",
            "https://slack.com/api/oauth.v2.access",
            revoke_url="https://slack.com/api/auth.revoke",
            revoke="bearer",
            scopes="chat:write",
            separator=",",
            check_url="https://slack.com/api/auth.test",
            hosts="slack.com files.slack.com",
            note=gettext_noop(
                "Tokens expire and refresh only where token rotation is on for the app."
            ),
        ),
        Preset(
            "shopify",
            gettext_noop("Shopify"),
            "https://{shop}.myshopify.com/admin/oauth/authorize",
            "https://{shop}.myshopify.com/admin/oauth/access_token",
            scopes="read_orders",
            separator=",",
            client_auth="body",
            header="X-Shopify-Access-Token",
            check_url="https://{shop}.myshopify.com/admin/oauth/access_scopes.json",
            hosts="{shop}.myshopify.com",
            asks="shop",
            asks_help=gettext_noop("The shop's name, as in {shop}.myshopify.com."),
            note=gettext_noop(
                "An offline token. It ends when the app is uninstalled from the shop."
            ),
        ),
        Preset(
            "google",
            gettext_noop("Google"),
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://oauth2.googleapis.com/token",
            revoke_url="https://oauth2.googleapis.com/revoke",
            scopes="https://www.googleapis.com/auth/drive.file",
            client_auth="body",
            hosts="*.googleapis.com",
            extra={"access_type": "offline", "prompt": "consent"},
            note=gettext_noop(
                "A refresh token is only given with the consent page shown: it always is."
            ),
        ),
        Preset(
            "microsoft",
            gettext_noop("Microsoft"),
            "https://login.microsoftonline.com/{directory}/oauth2/v2.0/authorize",
            "https://login.microsoftonline.com/{directory}/oauth2/v2.0/token",
            scopes=gettext_noop("offline_access Files.ReadWrite"),
            client_auth="body",
            check_url="https://graph.microsoft.com/v1.0/me",
            hosts="graph.microsoft.com",
            asks="directory",
            asks_help=gettext_noop("Your directory's (tenant's) id or domain."),
            note=gettext_noop(
                "Without the scope offline_access there is no refresh. There is no address to "
                "revoke at: people end the consent in their account."
            ),
        ),
        Preset(
            "dropbox",
            gettext_noop("Dropbox"),
            "https://www.dropbox.com/oauth2/authorize",
            "https://api.dropboxapi.com/oauth2/token",
            revoke_url="https://api.dropboxapi.com/2/auth/token/revoke",
            revoke="bearer",
            scopes="files.content.write",
            client_auth="body",
            hosts="api.dropboxapi.com content.dropboxapi.com",
            extra={"token_access_type": "offline"},
        ),
        Preset(
            "box",
            gettext_noop("Box"),
            "https://account.box.com/api/oauth2/authorize",
            "https://api.box.com/oauth2/token",
            revoke_url="https://api.box.com/oauth2/revoke",
            client_auth="body",
            check_url="https://api.box.com/2.0/users/me",
            hosts="api.box.com upload.box.com",
            note=gettext_noop("Its refresh token counts once: each refresh brings a new one."),
        ),
    )
}


def filled(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with what its preset knows; one without a preset stays as it is.

    Raises ValueError, with a sentence, where the preset asks for a name that is missing or odd.
    """
    preset = PRESETS.get(str(config.get("preset", "")))
    if preset is None:
        return dict(config)
    place = str(config.get("place", ""))
    if preset.asks and not PLACE.fullmatch(place):
        raise ValueError(f"{preset.title} needs the {preset.asks}: {preset.asks_help}")
    told = {
        preset.asks or "place": place,
        "client_id": quote(str(config.get("client_id", "")), safe=""),
    }
    known = {name: _with(getattr(preset, name), told) for name in FILLED}
    if config.get("token_url", known["token_url"]) != known["token_url"]:
        # Another installation of the service: its hosts are its own.
        known["hosts"] = ""
    return {name: text for name, text in known.items() if text} | dict(config)


def refilled(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted configuration without what only the preset had filled in before.

    So another shop brings other addresses. One that had no hosts gets none: its tools may go
    elsewhere. Raises ValueError as `filled` does.
    """
    named = {name: before[name] for name in ("preset", "place", "client_id") if name in before}
    ours = filled(named)
    kept = {
        name: text for name, text in wanted.items() if name not in FILLED or text != ours.get(name)
    }
    found = filled(kept)
    if before and "hosts" not in before and "hosts" not in wanted:
        found.pop("hosts", None)
    return found


def preset_of(config: Mapping[str, Any]) -> Preset | None:
    """The preset that the configuration names."""
    return PRESETS.get(str(config.get("preset", "")))


def _with(text: str, told: Mapping[str, str]) -> str:
    for name, value in told.items():
        text = text.replace(f"{{{name}}}", value)
    return text
