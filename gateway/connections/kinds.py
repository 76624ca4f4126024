"""Kinds of credential as data: what each asks for, and what of it is secret. Pure.

Every kind has one secret, its `value`; everything else about it is `config` and may be shown. The
forms, the API's checks and `docs/connections.md` follow what stands here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.lib import hosts
from gateway.lib.tongue import gettext_noop

MAX_TEXT = 2000
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
HOST = re.compile(r"[A-Za-z0-9.\[\]:-]+")
RESERVED = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "idempotency-key",
        "x-correlation-id",
    }
)
CLIENT_AUTH = ("basic", "body")
Fault = tuple[str, str]


@dataclass(frozen=True)
class Field:
    """One thing a kind asks for. `default` is what an empty one means.

    An `address` gets the secret, or what was issued for it, so whoever changes it enters the secret
    again: a stored one is never sent to another place than the person who entered it saw.
    """

    name: str
    label: str
    help: str = ""
    required: bool = True
    default: str = ""
    is_address: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A way to authenticate.

    `issues`: what is sent is not the value but a short-lived token that a service issues for it.
    `has_consent`: a person agrees in the browser first. `is_long`: the value has several lines.
    """

    name: str
    title: str
    summary: str
    value: str
    fields: tuple[Field, ...] = ()
    value_help: str = ""
    value_required: bool = True
    is_long: bool = False
    issues: bool = False
    has_consent: bool = False

    def field(self, name: str) -> Field | None:
        """The field of this name."""
        return next((field for field in self.fields if field.name == name), None)

    def get(self, config: Mapping[str, object], name: str) -> str:
        """What the configuration says, or the field's default."""
        known = self.field(name)
        return str(config.get(name) or (known.default if known else ""))

    def addresses(self, config: Mapping[str, object]) -> dict[str, str]:
        """Where the secret goes, by field."""
        return {
            field.name: self.get(config, field.name) for field in self.fields if field.is_address
        }

    def faults(self, config: Mapping[str, object]) -> list[Fault]:
        """What is wrong with a configuration: field and sentence; unknown fields too."""
        found = [(name, "There is no such field.") for name in config if self.field(name) is None]
        for field in self.fields:
            if fault := _fault(field, config.get(field.name, "")):
                found.append((field.name, fault))
        return found


def _fault(field: Field, value: object) -> str:
    if not isinstance(value, str):
        return "Text is needed."
    if not value:
        return f"{field.label} is needed." if field.required and not field.default else ""
    if len(value) > MAX_TEXT or not value.isprintable():
        return f"At most {MAX_TEXT} printable characters."
    if field.name.endswith("header") and (fault := _header_fault(field.name, value)):
        return fault
    if field.choices and value not in field.choices:
        return f"One of {', '.join(field.choices)}."
    if field.is_address and not is_address(value):
        return "A whole address is needed, as in https://api.example.com/token, without a password."
    if field.name == "hosts" and not hosts.is_list(value):
        return "Names of hosts, separated by blanks, as in api.example.com or *.example.com."
    return ""


def _header_fault(name: str, value: str) -> str:
    """A header's name, and for the version its value: nothing that another header could hide in."""
    header, _, version = value.partition(":")
    if not HEADER_NAME.fullmatch(header.strip()) or header.strip().lower() in RESERVED:
        return "A header's name is needed, and not one of those that we write ourselves."
    if name == "version_header" and not (version.strip() and version.isascii()):
        return "Name and version are needed, as in Stripe-Version: 2026-01-28."
    return "Only the name of the header." if name == "header" and ":" in value else ""


def is_address(text: str) -> bool:
    """Whether this is an absolute http(s) address without user name or password."""
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_web = parts.scheme in ("https", "http") and bool(parts.hostname)
    return is_web and has_port and bool(HOST.fullmatch(parts.netloc)) and " " not in text


CHECK = Field(
    "check_url",
    gettext_noop("Address to try it at"),
    gettext_noop(
        "Read (GET) with the credential by “Try it”: something harmless that "
        "only a valid one may see."
    ),
    required=False,
    is_address=True,
)
HOSTS = Field(
    "hosts",
    gettext_noop("Hosts"),
    gettext_noop(
        "The only ones that it is sent to, separated by blanks, as in api.example.com or "
        "*.example.com. Empty: wherever a tool says."
    ),
    required=False,
)
VERSION = Field(
    "version_header",
    gettext_noop("API version"),
    gettext_noop(
        "A header that pins it, as in Stripe-Version: 2026-01-28; sent where a "
        "tool says none itself."
    ),
    required=False,
)
HEADER = Field(
    "header", "Header", "Where the token goes, if not into Authorization: Bearer.", required=False
)
CLIENT_ID = Field(
    "client_id",
    gettext_noop("Client id"),
    gettext_noop("As the service shows it for your application."),
)
TOKEN_URL = Field(
    "token_url",
    gettext_noop("Token address"),
    gettext_noop("Where tokens are issued."),
    is_address=True,
)
SCOPES = Field(
    "scopes",
    gettext_noop("Scopes"),
    gettext_noop("Separated by blanks; as few as the tools need."),
    required=False,
)
AUTH = Field(
    "client_auth",
    gettext_noop("Client's own sign-in"),
    gettext_noop("basic: in the Authorization header; body: among the form's fields."),
    required=False,
    default="basic",
    choices=CLIENT_AUTH,
)
_PEM = gettext_noop("A PEM file's text, beginning with -----BEGIN.")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "bearer",
            gettext_noop("Bearer token"),
            gettext_noop("A token or API key sent as Authorization: Bearer."),
            gettext_noop("Token"),
            (VERSION, HOSTS, CHECK),
        ),
        Kind(
            "basic",
            gettext_noop("User name and password"),
            gettext_noop("HTTP basic authentication."),
            gettext_noop("Password"),
            (Field("username", gettext_noop("User name")), VERSION, HOSTS, CHECK),
        ),
        Kind(
            "header",
            gettext_noop("Header"),
            gettext_noop("A token or API key in a header of its own."),
            gettext_noop("Value"),
            (
                Field("header", gettext_noop("Header"), gettext_noop("Its name, as in X-Api-Key.")),
                VERSION,
                HOSTS,
                CHECK,
            ),
        ),
        Kind(
            "oauth2_client_credentials",
            gettext_noop("OAuth 2.0 client credentials"),
            gettext_noop("Tokens issued to an application, without a person."),
            gettext_noop("Client secret"),
            (
                CLIENT_ID,
                TOKEN_URL,
                SCOPES,
                Field(
                    "audience",
                    gettext_noop("Audience"),
                    gettext_noop("Where the service asks for one."),
                    required=False,
                ),
                AUTH,
                HEADER,
                VERSION,
                HOSTS,
                CHECK,
            ),
            issues=True,
        ),
        Kind(
            "oauth2_authorization_code",
            gettext_noop("OAuth 2.0 with consent"),
            gettext_noop(
                "A person agrees in the browser once; the token is refreshed from then on."
            ),
            gettext_noop("Client secret"),
            (
                Field("preset", gettext_noop("Service"), required=False),
                Field(
                    "place",
                    gettext_noop("Shop or directory"),
                    gettext_noop("Where the service has one."),
                    required=False,
                ),
                CLIENT_ID,
                Field(
                    "authorize_url", gettext_noop("Address of the consent page"), is_address=True
                ),
                TOKEN_URL,
                Field(
                    "revoke_url",
                    gettext_noop("Address to revoke at"),
                    gettext_noop("Used by Disconnect."),
                    required=False,
                    is_address=True,
                ),
                SCOPES,
                AUTH,
                HEADER,
                VERSION,
                HOSTS,
                CHECK,
            ),
            value_help=gettext_noop("Empty for a public client, which has none."),
            value_required=False,
            issues=True,
            has_consent=True,
        ),
        Kind(
            "github_app",
            gettext_noop("GitHub App"),
            gettext_noop("Tokens of one installation, an hour each."),
            gettext_noop("Private key"),
            (
                Field("app_id", gettext_noop("App id"), gettext_noop("Or the client id.")),
                Field(
                    "installation_id",
                    gettext_noop("Installation id"),
                    gettext_noop("The number at the end of the installation's address."),
                ),
                Field(
                    "base_url",
                    gettext_noop("API's address"),
                    required=False,
                    default="https://api.github.com",
                    is_address=True,
                ),
                VERSION,
                HOSTS,
                CHECK,
            ),
            value_help=_PEM,
            is_long=True,
            issues=True,
        ),
        Kind(
            "jwt_service_account",
            gettext_noop("Service account (signed JWT)"),
            gettext_noop("A signed statement is exchanged for a token (RFC 7523), as at Google."),
            gettext_noop("Private key"),
            (
                Field(
                    "issuer",
                    gettext_noop("Issuer"),
                    gettext_noop("The account's e-mail address or client id."),
                ),
                Field(
                    "token_url",
                    gettext_noop("Token address"),
                    required=False,
                    default="https://oauth2.googleapis.com/token",
                    is_address=True,
                ),
                SCOPES,
                Field(
                    "subject",
                    gettext_noop("Subject"),
                    gettext_noop("On whose behalf, where the service allows that."),
                    required=False,
                ),
                Field(
                    "audience",
                    gettext_noop("Audience"),
                    gettext_noop("The token address unless you say else."),
                    required=False,
                ),
                Field("key_id", gettext_noop("Key id"), required=False),
                HEADER,
                VERSION,
                HOSTS,
                CHECK,
            ),
            value_help=_PEM,
            is_long=True,
            issues=True,
        ),
        Kind(
            "aws_sigv4",
            gettext_noop("AWS signature (SigV4)"),
            gettext_noop(
                "Each request is signed with an access key; the key itself is never sent."
            ),
            gettext_noop("Secret access key"),
            (
                Field("access_key_id", gettext_noop("Access key id")),
                Field("region", gettext_noop("Region"), gettext_noop("As in eu-central-1.")),
                Field(
                    "service",
                    gettext_noop("Service"),
                    gettext_noop("As in s3, as the signature names it."),
                ),
                HOSTS,
                CHECK,
            ),
        ),
        Kind(
            "dsn",
            gettext_noop("Address with a password (DSN)"),
            gettext_noop("A database or mail server, or a webhook."),
            "DSN",
            value_help=gettext_noop(
                "As in postgresql://user:password@db.example.com:5432/shop or "
                "smtps://user:password@mail.example.com; or the whole address of an incoming "
                "webhook."
            ),
        ),
    )
}
