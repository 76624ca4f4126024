"""E-mail over SMTP: approved templates only, to recipients that the tool's rules allow.

Settings: `from`, `from_name`, `reply_to`; `templates` by name, each `subject`, `text` and perhaps
`html` with `{{ name }}` in it; `recipients` with `domains`, `addresses` and `max`; `tls`:
`required`, the default, or `none` for a server that offers no encryption.
Connection: `dsn`, `smtp://user:password@host:587` or `smtps://…`.
"""

import hashlib
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from typing import Any

from gateway.connectors.base import (
    Affected,
    ConnectorRequest,
    Operation,
    Outcome,
    OutcomeStatus,
    Preview,
    Reply,
)
from gateway.connectors.email import recipients, templates
from gateway.connectors.email.smtp import Letter, NobodyKnows, NotSent, Server, deliver, server_of
from gateway.connectors.operations import by_name, check_schema, found
from gateway.connectors.rest import check_fields, listed
from gateway.http.errors import OutsideError
from gateway.http.messages import RetryClass
from gateway.tools.render import RenderError

SEND = "send"
REQUIRED, NONE = "required", "none"
SETTINGS = frozenset({"from", "from_name", "reply_to", "templates", "recipients", "tls"})
MAX_NAME = 100
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)
_ADDRESSES = {
    "type": "array",
    "items": {"type": "string", "maxLength": recipients.MAX_ADDRESS},
    "maxItems": recipients.HIGHEST_MAX,
    "uniqueItems": True,
}


@cache
def trusted() -> ssl.SSLContext:
    """The authorities of this machine; certificate and name are checked."""
    return ssl.create_default_context()


@dataclass(frozen=True)
class EmailConnector:
    """Sends a mail once; nobody can ask a mail server afterwards whether it did."""

    tls: Callable[[], ssl.SSLContext] = trusted
    name = "email"
    operations = by_name(
        Operation(
            SEND,
            "Send an e-mail from a template",
            side_effect="write",
            retry_class=RetryClass.UNSAFE,
            schema={
                "type": "object",
                "additionalProperties": False,
                "required": ["template", "to", "values"],
                "properties": {
                    "template": {"type": "string", "description": "The template's name."},
                    "to": {**_ADDRESSES, "minItems": 1},
                    "cc": _ADDRESSES,
                    "values": {
                        "type": "object",
                        "maxProperties": 50,
                        "additionalProperties": {
                            "type": "string",
                            "maxLength": templates.MAX_VALUE,
                        },
                        "description": "What stands in the template's places.",
                    },
                },
            },
            output_schema={
                "type": "object",
                "required": ["message_id"],
                "properties": {"message_id": {"type": "string"}, "said": {"type": "string"}},
            },
            effect="Send the e-mail “{{ template }}” to {{ to }} (copy to {{ cc }}) "
            "with {{ values }}",
            affected="(args.to + (has(args.cc) ? args.cc : [])).map(a, 'email:' + a)",
            has_preview=True,
            documentation="https://www.rfc-editor.org/rfc/rfc5321",
            proof="`tests/gateway/connectors/test_email.py`, against aiosmtpd 1.4 and a scripted "
            "server that breaks off",
        )
    )

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Judge a tool's definition; raises Unknown or RenderError."""
        described = found(self.operations, operation, connector=self.name)
        check_fields(config, SETTINGS)
        _check_settings(config)
        check_schema(described, schema)
        _check_values(config["templates"], schema)

    def render(
        self, config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The whole mail as it will read, but for its date and id; pure."""
        found(self.operations, operation, connector=self.name)
        _check_settings(config)
        known = config["templates"]
        name = arguments.get("template")
        if not isinstance(name, str) or name not in known:
            raise RenderError("template", f"one of {', '.join(sorted(known))}")
        filled = templates.fill(known[name], arguments.get("values", {}))
        return {
            "kind": "smtp",
            "from": recipients.address("from", config["from"]),
            "from_name": config.get("from_name", ""),
            "reply_to": config.get("reply_to", ""),
            **recipients.allowed(arguments, config["recipients"]),
            "subject": filled["subject"],
            "text": filled["text"],
            "html": filled.get("html"),
        }

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """The mail and everyone who gets it. Nothing is read: a mail has no state before."""
        mail = dict(request.rendered)
        del mail["kind"]
        # A mail program makes links of what looks like one, wherever it came from.
        values = "\n".join(map(str, (request.arguments.get("values") or {}).values()))
        mail["links_from_values"] = list(listed(_LINK.findall(values)))
        people = [*request.rendered["to"], *request.rendered["cc"]]
        affected = tuple(Affected("email", address) for address in people)
        return Preview({"mail": None}, {"mail": mail}, affected, datetime.now(UTC))

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Hand it over once."""
        ends_at = time.monotonic() + request.deadline_s
        try:
            server = _server(request)
            addresses = request.client.addresses(
                server.host, server.port, within_s=request.deadline_s
            )
        except ValueError as error:
            return Outcome(OutcomeStatus.FAILED, error=str(error), reason="wrong_connection")
        except OutsideError as error:
            return Outcome(
                OutcomeStatus.FAILED, error=error.detail, reason=error.reason,
                retryable=not error.permanent,
            )  # fmt: skip
        return self._deliver(request, server, addresses, ends_at)

    def _deliver(
        self, request: ConnectorRequest, server: Server, addresses: tuple[str, ...], ends_at: float
    ) -> Outcome:
        id = message_id(request)
        needs_tls = request.config.get("tls", REQUIRED) == REQUIRED
        sender = request.rendered["from"]
        letter = Letter(
            sender, [*request.rendered["to"], *request.rendered["cc"]],
            written(request.rendered, id=id, now=datetime.now(UTC)),
        )  # fmt: skip
        try:
            said = deliver(
                letter, server, addresses=addresses, needs_tls=needs_tls, tls=self.tls,
                name=recipients.domain(sender), ends_at=ends_at,
            )  # fmt: skip
        except NotSent as error:
            return Outcome(
                OutcomeStatus.FAILED, error=error.detail, reason=error.reason,
                retryable=error.passing,
                response=Reply(error.code, {}, error.detail) if error.code else None,
            )  # fmt: skip
        except NobodyKnows:
            return Outcome(
                OutcomeStatus.UNKNOWN, reason="no_answer", may_have_happened=True,
                error=f"The server had the whole mail {id} and gave no clear answer: ask its log.",
            )  # fmt: skip
        return Outcome(
            OutcomeStatus.SUCCEEDED, result={"message_id": id, "said": said},
            response=Reply(int(said[:3]), {}, said), may_have_happened=True,
        )  # fmt: skip


def message_id(request: ConnectorRequest) -> str:
    """The same for every attempt of one action, so that a second copy can be recognised."""
    mark = hashlib.sha256(request.idempotency_key.encode()).hexdigest()[:32]
    return f"<{mark}@{recipients.domain(request.rendered['from'])}>"


def written(mail: Mapping[str, Any], *, id: str, now: datetime) -> bytes:
    """The bytes of a rendered mail."""
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"] = Address(mail["from_name"], addr_spec=mail["from"])
    message["To"] = [Address(addr_spec=address) for address in mail["to"]]
    if mail["cc"]:
        message["Cc"] = [Address(addr_spec=address) for address in mail["cc"]]
    if mail["reply_to"]:
        message["Reply-To"] = Address(addr_spec=mail["reply_to"])
    message["Subject"] = mail["subject"]
    message["Date"] = format_datetime(now)
    message["Message-ID"] = id
    # Holiday notes and other robots do not answer to this.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail["text"], cte="quoted-printable")
    if mail["html"] is not None:
        message.add_alternative(mail["html"], subtype="html", cte="quoted-printable")
        message.set_boundary(f"part-{id[1:33]}")
    return message.as_bytes()


def _server(request: ConnectorRequest) -> Server:
    if request.secret is None or request.secret.kind != "dsn":
        raise ValueError("The tool needs a connection of kind dsn: smtp://user:password@host:587")
    return server_of(request.secret.value)


def _check_values(known: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """A tool that says which values it takes takes those that its templates need."""
    properties = schema.get("properties", {})
    offered = properties.get("template", {}).get("enum", list(known))
    values = properties.get("values", {})
    for name in offered:
        if name not in known:
            raise RenderError("input_schema", f"there is no template {name}")
        missing = templates.names(known[name]) - set(values.get("properties", {}))
        if values.get("additionalProperties") is False and missing:
            wanted = ", ".join(sorted(missing))
            raise RenderError("input_schema", f"values takes no {wanted}, which {name} needs")


def _check_settings(config: Mapping[str, Any]) -> None:
    recipients.address("from", config.get("from"))
    if config.get("reply_to"):
        recipients.address("reply_to", config["reply_to"])
    if config.get("from_name"):
        templates.check_line("from_name", config["from_name"], longest=MAX_NAME)
    if config.get("tls", REQUIRED) not in (REQUIRED, NONE):
        raise RenderError("tls", f"{REQUIRED} or {NONE}")
    recipients.check(config.get("recipients"))
    templates.check(config.get("templates"))
