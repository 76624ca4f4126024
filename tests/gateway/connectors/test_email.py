"""E-mail: approved words to allowed people, once, and never a guess about whether it went."""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.connectors.base import Affected, ConnectorRequest, Outcome, OutcomeStatus, Secret
from gateway.connectors.email.connector import EmailConnector
from gateway.connectors.email.smtp import _Session, _watch, server_of
from gateway.http.client import client
from gateway.tools.render import RenderError
from tests.doubles.mail import HOST, PASSWORD, USER, Mail, certificate, mail_server

CONFIG: dict[str, Any] = {
    "from": "support@acme.example",
    "from_name": "Acme, Support",
    "reply_to": "help@acme.example",
    "templates": {
        "refund": {
            "subject": "Your refund for {{ order }}",
            "text": "Dear {{ name }},\n\nwe refund {{ order }}.\n.hidden dot\n",
            "html": "<p>Dear {{ name }},</p><p>we refund <b>{{ order }}</b>.</p>",
        },
        "plain": {"subject": "Hello", "text": "Hello {{ name }}"},
    },
    "recipients": {
        "domains": ["Example.com"], "addresses": ["boss@else.example"], "max": 3,
    },
}  # fmt: skip
REFUND = {
    "template": "refund",
    "to": ["mara@example.com"],
    "values": {"name": "Mara", "order": "ORD-1"},
}
EMAIL = EmailConnector()
Make = Callable[..., ConnectorRequest]


@pytest.fixture
def ask(attempt: Make) -> Make:
    """An attempt at the server of this port, whose name resolves to loopback."""

    def make(port: int = 25, arguments: Any = REFUND, **more: Any) -> ConnectorRequest:
        dsn = more.pop("dsn", f"smtp://{HOST}:{port}")
        config = {**CONFIG, **more.pop("config", {})}
        allow = f"{HOST}:{port}"
        request = attempt(
            "email", "send", config, arguments, allow=allow, secret=Secret("dsn", dsn), **more
        )
        door = client(allow=[allow], resolve=lambda _host, _port: ("127.0.0.1",))
        return replace(request, client=door)

    return make


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, EmailConnector]:
    """A server's side of TLS, and a connector that trusts it."""
    context, pem = certificate(tmp_path_factory.mktemp("tls"))
    trusting = ssl.create_default_context(cafile=str(pem))
    return context, EmailConnector(tls=lambda: trusting)


@pytest.fixture
def plain() -> Iterator[Mail]:
    with mail_server() as mail:
        yield mail


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


def open_one(ask: Make, mail: Mail, arguments: Any = REFUND, **config: Any) -> ConnectorRequest:
    return ask(mail.port, arguments, config={"tls": "none", **config})


def test_a_mail_arrives_as_it_was_approved(ask: Make, plain: Mail) -> None:
    request = open_one(ask, plain, {**REFUND, "cc": ["boss@else.example"]})
    outcome = EMAIL.execute(request)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    (mail,) = plain.mails
    assert plain.envelopes == [("support@acme.example", ["mara@example.com", "boss@else.example"])]
    assert mail["From"] == '"Acme, Support" <support@acme.example>'
    assert (mail["To"], mail["Cc"]) == ("mara@example.com", "boss@else.example")
    assert (mail["Subject"], mail["Reply-To"]) == ("Your refund for ORD-1", "help@acme.example")
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert lines(text.get_content()) == lines(request.rendered["text"])
    assert lines(text.get_content())[-1] == ".hidden dot"
    assert lines(html.get_content()) == lines(request.rendered["html"])


def test_all_attempts_of_an_action_carry_one_id(ask: Make, plain: Mail) -> None:
    outcomes = [EMAIL.execute(open_one(ask, plain)) for _ in range(2)]
    other = EMAIL.execute(replace(open_one(ask, plain), idempotency_key="act_2"))
    ids = [mail["Message-ID"] for mail in plain.mails]
    assert ids == [o.result["message_id"] for o in [*outcomes, other]]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@acme.example>")


@pytest.mark.parametrize(("scheme", "from_start"), [("smtp", False), ("smtps", True)])
def test_user_and_password_go_over_a_connection_whose_name_was_checked(
    ask: Make, trust: Any, scheme: str, from_start: bool
) -> None:
    context, connector = trust
    with mail_server(tls=context, from_start=from_start, needs_user=True) as mail:
        dsn = f"{scheme}://{USER}:p%25w%40rd-for-tests@{HOST}:{mail.port}"
        outcome = connector.execute(ask(mail.port, dsn=dsn))
        assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.error
        assert mail.was_secure or from_start
        assert (len(mail.mails), PASSWORD in repr(outcome)) == (1, False)
        wrong = connector.execute(ask(mail.port, dsn=f"{scheme}://{USER}:guess@{HOST}:{mail.port}"))
        assert (wrong.status, wrong.reason) == (OutcomeStatus.FAILED, "auth_refused")
        assert (wrong.may_have_happened, wrong.retryable, len(mail.mails)) == (False, False, 1)


@pytest.mark.parametrize(("scheme", "from_start"), [("smtp", False), ("smtps", True)])
def test_a_server_that_cannot_prove_its_name_gets_nothing(
    ask: Make, trust: Any, tmp_path: Path, scheme: str, from_start: bool
) -> None:
    stranger, pem = certificate(tmp_path, "mail.evil.example")
    trusting = ssl.create_default_context(cafile=str(pem))
    with mail_server(tls=stranger, from_start=from_start) as mail:
        request = ask(mail.port, dsn=f"{scheme}://{USER}:{PASSWORD[0]}@{HOST}:{mail.port}")
        for connector in (EmailConnector(tls=lambda: trusting), trust[1]):
            outcome = connector.execute(request)
            assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "tls_failed")
        assert mail.mails == []


def test_without_encryption_nothing_is_sent_unless_the_administrator_says_so(
    ask: Make, plain: Mail
) -> None:
    outcome = EMAIL.execute(ask(plain.port))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "tls_missing")
    assert plain.mails == []
    assert EMAIL.execute(open_one(ask, plain)).status is OutcomeStatus.SUCCEEDED


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
def test_a_server_that_is_lost_before_the_mail_has_no_mail(
    ask: Make, plain: Mail, step: str
) -> None:
    plain.breaks_at = step
    outcome = EMAIL.execute(open_one(ask, plain))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "network")
    assert (outcome.may_have_happened, outcome.retryable) == (False, True)
    assert plain.mails == []


def test_a_server_that_is_lost_after_the_last_dot_leaves_it_unknown(ask: Make, plain: Mail) -> None:
    plain.breaks_at = "."
    outcome = EMAIL.execute(open_one(ask, plain))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "no_answer")
    assert outcome.may_have_happened
    assert plain.mails[0]["Message-ID"] in outcome.error
    assert len(plain.mails) == 1


@pytest.mark.parametrize("answer", ["200 done", "251 handed on", "252 will try", "299 ok"])
def test_every_answer_that_begins_with_a_two_says_that_the_mail_was_taken(
    ask: Make, plain: Mail, answer: str
) -> None:
    plain.says = {"DATA": answer}
    outcome = EMAIL.execute(open_one(ask, plain))
    assert (outcome.status, len(plain.mails)) == (OutcomeStatus.SUCCEEDED, 1), outcome.error
    assert (outcome.result["said"], outcome.response.status) == (answer, int(answer[:3]))


@pytest.mark.parametrize("answer", ["354 go on", "150 wait", "600 what", "no code at all"])
def test_an_answer_after_the_mail_that_says_neither_leaves_it_unknown(
    ask: Make, plain: Mail, answer: str
) -> None:
    plain.says = {"DATA": answer}
    outcome = EMAIL.execute(open_one(ask, plain))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "no_answer")
    assert (outcome.may_have_happened, len(plain.mails)) == (True, 1)


@pytest.mark.parametrize(
    ("says", "reason", "retryable"),
    [
        ({"MAIL": "550 not you"}, "sender_refused", False),
        ({"RCPT": "451 later"}, "recipient_refused", True),
        ({"DATA": "554 spam"}, "refused", False),
        ({"DATA": "452 full"}, "refused", True),
    ],
)
def test_a_refusal_is_the_servers_word_that_it_has_no_mail(
    ask: Make, plain: Mail, says: dict[str, str], reason: str, retryable: bool
) -> None:
    plain.says = says
    outcome = EMAIL.execute(open_one(ask, plain))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, reason)
    assert (outcome.may_have_happened, outcome.retryable) == (False, retryable)
    assert next(iter(says.values())) in outcome.error
    assert plain.mails == []


def test_one_refused_recipient_means_that_nobody_gets_it(ask: Make, plain: Mail) -> None:
    plain.says = {"RCPT gone@example.com": "550 no such person"}
    both = {**REFUND, "to": ["mara@example.com", "gone@example.com"]}
    outcome = EMAIL.execute(open_one(ask, plain, both))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "recipient_refused")
    assert "gone@example.com" in outcome.error
    assert plain.mails == []


def speaking(*lines: bytes, then: Callable[[socket.socket], None]) -> Any:
    """A server that answers each command with the next line, and at the end does `then`."""

    def script(_peer: Any, connection: socket.socket) -> None:
        connection.sendall(lines[0])
        for line in lines[1:]:
            while not connection.recv(65536).endswith(b"\r\n"):
                pass
            connection.sendall(line)
        then(connection)

    return script


HANDSHAKE = (b"220 x\r\n", b"250 x\r\n", b"250 ok\r\n", b"250 ok\r\n")


def execute_scripted(ask: Make, peer: Any, script: Any, **more: Any) -> Outcome:
    peer.scripts = [script]
    return EMAIL.execute(replace(ask(peer.port, config={"tls": "none"}), **more))


def test_a_connection_lost_within_the_mail_is_no_mail(ask: Make, peer: Any) -> None:
    def resets(connection: socket.socket) -> None:
        connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    long = {**REFUND, "values": {"name": "M" * 2000, "order": "ORD-1"}}
    template = {"subject": "x", "text": "{{ name }}" * 2000 + "{{ order }}"}
    config = {"tls": "none", "templates": {"refund": template}}
    peer.scripts = [speaking(*HANDSHAKE, b"354 go\r\n", then=resets)]
    outcome = EMAIL.execute(ask(peer.port, long, config=config))
    assert (outcome.status, outcome.may_have_happened) == (OutcomeStatus.FAILED, False)


@pytest.mark.parametrize(
    ("lines", "status"),
    [((), OutcomeStatus.FAILED), (HANDSHAKE, OutcomeStatus.FAILED)],
)
def test_a_server_that_never_ends_its_line_is_left_in_time(
    ask: Make, peer: Any, lines: tuple[bytes, ...], status: OutcomeStatus
) -> None:
    def drips(connection: socket.socket) -> None:
        while not peer.done.wait(0.05):
            connection.sendall(b"2")

    outcome = execute_scripted(
        ask, peer, speaking(*(lines or (b"220",)), then=drips), deadline_s=0.5
    )
    assert (outcome.status, outcome.may_have_happened) == (status, False)


def test_a_name_that_is_looked_up_for_ever_is_left_in_time(ask: Make) -> None:
    ended = threading.Event()

    def slow(_host: str, _port: int) -> tuple[str, ...]:
        ended.wait(10)
        return ("127.0.0.1",)

    door = client(allow=[f"{HOST}:25"], resolve=slow)
    started = time.monotonic()
    outcome = EMAIL.execute(replace(ask(), client=door, deadline_s=0.2))
    ended.set()
    assert time.monotonic() - started < 5
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "timeout")
    assert (outcome.may_have_happened, outcome.retryable) == (False, True)


@pytest.fixture
def full() -> Iterator[int]:
    """The port of a server whose queue is full: the system answers nobody there, on any address."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("0.0.0.0", 0), backlog=0))  # noqa: S104 - loopback alone is called
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", listener.getsockname()[1]))
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_addresses_that_answer_nobody_are_left_together_in_time(
    ask: Make, full: int, scheme: str
) -> None:
    addresses = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    door = client(allow=[f"{HOST}:{full}"], resolve=lambda _host, _port: addresses)
    request = ask(full, dsn=f"{scheme}://{HOST}:{full}", config={"tls": "none"})
    started = time.monotonic()
    outcome = EMAIL.execute(replace(request, client=door, deadline_s=0.5))
    assert time.monotonic() - started < 5
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "connect")
    assert (outcome.may_have_happened, outcome.retryable) == (False, True)


def test_every_line_that_comes_up_after_the_deadline_is_cut() -> None:
    session = _Session(HOST, [], context=None, name="x", ends_at=time.monotonic() - 1)
    is_over = threading.Event()
    watch = threading.Thread(target=_watch, args=(session, is_over))
    watch.start()
    # The second takes the place of the first, as STARTTLS has it.
    for _ in range(2):
        here, there = socket.socketpair()
        with here, there:
            here.settimeout(5)
            session.sock = there
            assert here.recv(1) == b""
    is_over.set()
    watch.join(5)
    assert not watch.is_alive()


def test_a_server_that_is_silent_after_the_mail_leaves_it_unknown(ask: Make, peer: Any) -> None:
    script = speaking(*HANDSHAKE, b"354 go\r\n", then=lambda _connection: peer.done.wait(5))
    outcome = execute_scripted(ask, peer, script, deadline_s=0.5)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "no_answer")


def test_only_servers_of_the_allow_list_are_reached(ask: Make, peer: Any) -> None:
    outcome = EMAIL.execute(replace(ask(peer.port), client=client(allow=[])))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "address_refused")
    assert peer.accepted == 0


@pytest.mark.parametrize(
    "secret",
    [None, Secret("bearer", "x" * 9), Secret("dsn", "https://u:hush@h"), Secret("dsn", "smtp://"),
     Secret("dsn", "smtp://u:hush@h/path"), Secret("dsn", "smtp://u:hush@h:port")],
)  # fmt: skip
def test_a_connection_of_another_kind_is_refused_without_its_secret(
    ask: Make, secret: Secret | None
) -> None:
    outcome = EMAIL.execute(replace(ask(), secret=secret))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "wrong_connection")
    assert "hush" not in outcome.error


def test_a_dsn_is_read_with_its_usual_ports() -> None:
    assert (server_of("smtp://h").port, server_of("smtps://h").port) == (587, 465)
    assert "hush" not in repr(server_of("smtp://u:hush@h"))


@pytest.mark.parametrize(
    "values",
    [
        {"name": "Mara"},
        {"name": "Mara", "order": "1", "more": "x"},
        {"name": "Mara", "order": "1\r\nBcc: all@example.com"},
        {"name": "Mara", "order": "1\nBcc: all@example.com"},
        {"name": "Mara", "order": "1\u2028x"},
        {"name": "Mara\x00", "order": "1"},
        {"name": "Mara", "order": 5},
        {"name": "M" * 2001, "order": "1"},
        ["Mara"],
    ],
)
def test_values_that_do_not_fit_the_template_make_no_mail(values: Any) -> None:
    with pytest.raises(RenderError, match="values|subject"):
        EMAIL.render(CONFIG, "send", {**REFUND, "values": values})


def test_a_value_stays_text_in_html() -> None:
    values = {"name": "<a href='https://evil.example'>x</a>\n& so on", "order": '"1"'}
    rendered = EMAIL.render(CONFIG, "send", {**REFUND, "values": values})
    assert "<a" not in rendered["html"]
    assert "&lt;a href=&#x27;https://evil.example" in rendered["html"]
    assert "<br>\n&amp; so on" in rendered["html"]
    assert values["name"] in rendered["text"]


def test_a_value_that_names_another_placeholder_is_not_filled_again() -> None:
    values = {"name": "{{ order }}", "order": "SECRET"}
    assert "Dear {{ order }}," in EMAIL.render(CONFIG, "send", {**REFUND, "values": values})["text"]


@pytest.mark.parametrize(
    "to",
    [
        ["ana@other.example"],
        ["ana@sub.example.com"],
        ["ana@example.com.evil.example"],
        ["ana@evil.example,mara@example.com"],
        ["ana@evil.example <mara@example.com>"],
        ["mara@example.com\r\nRCPT TO:<x@evil.example>"],
        ["<mara@example.com>"],
        ["mara@example.com "],
        ["mära@example.com"],
        ["@example.com"],
        ["mara@@example.com"],
        ["other@else.example"],
        [f"m{n}@example.com" for n in range(4)],
        [],
        "mara@example.com",
        [5],
    ],
)
def test_only_allowed_people_are_written_to(to: Any) -> None:
    with pytest.raises(RenderError):
        EMAIL.render(CONFIG, "send", {**REFUND, "to": to})
    with pytest.raises(RenderError):
        EMAIL.render(CONFIG, "send", {**REFUND, "cc": to or ["x"]})


def test_an_address_is_named_once() -> None:
    arguments = {**REFUND, "to": ["mara@EXAMPLE.com", "mara@example.com"], "cc": REFUND["to"]}
    rendered = EMAIL.render(CONFIG, "send", arguments)
    assert (rendered["to"], rendered["cc"]) == (["mara@example.com"], [])


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"from": "Support <support@acme.example>"}, "from"),
        ({"from": None}, "from"),
        ({"from_name": "Acme\r\nBcc: x"}, "from_name"),
        ({"tls": "sometimes"}, "tls"),
        ({"recipients": {}}, "recipients"),
        ({"recipients": {"domains": ["*"]}}, "recipients.domains"),
        ({"recipients": {"domains": ["example.com"], "max": 0}}, "recipients.max"),
        ({"recipients": {"domains": ["example.com"], "maximum": 5}}, "maximum"),
        ({"templates": {}}, "templates"),
        ({"templates": {"a": {"subject": "x"}}}, "templates.a"),
        ({"templates": {"a": {"subject": "x\ny", "text": "x"}}}, "templates.a.subject"),
        ({"templates": {"a": {"subject": "x", "text": "{% if x %}"}}}, "templates.a.text"),
        ({"templates": {"a": {"subject": "x", "text": "{{ a.b }}"}}}, "templates.a.text"),
        ({"templates": {"a": {"subject": "x", "text": "x", "html": "<a href='{{ u }}'>"}}}, "html"),
        ({"templates": {"a": {"subject": "x", "text": "x", "html": "<p {{ u }}"}}}, "html"),
        ({"templates": {"a": {"subject": "x", "text": "x", "html": "<script>"}}}, "html"),
        ({"bcc": "x"}, "bcc"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused_when_a_tool_is_saved(
    changed: dict[str, Any], named: str
) -> None:
    with pytest.raises(RenderError, match=named):
        EMAIL.check("send", {**CONFIG, **changed}, EMAIL.operations["send"].schema or {})


def test_a_tool_takes_the_values_that_its_templates_need() -> None:
    schema = json.loads(json.dumps(EMAIL.operations["send"].schema))
    EMAIL.check("send", CONFIG, schema)
    schema["properties"]["values"] = {
        "type": "object", "additionalProperties": False, "properties": {"name": {"type": "string"}},
    }  # fmt: skip
    with pytest.raises(RenderError, match="values takes no order, which refund needs"):
        EMAIL.check("send", CONFIG, schema)
    schema["properties"]["template"] = {"enum": ["plain"]}
    EMAIL.check("send", CONFIG, schema)
    schema["properties"]["template"] = {"enum": ["gone"]}
    with pytest.raises(RenderError, match="no template gone"):
        EMAIL.check("send", CONFIG, schema)


def test_a_preview_shows_the_mail_and_everyone_who_gets_it(ask: Make) -> None:
    values = {"name": "see https://evil.example/x now", "order": "1"}
    request = ask(25, {**REFUND, "cc": ["boss@else.example"], "values": values})
    seen = EMAIL.preview(request)
    assert seen is not None
    assert seen.affected == (
        Affected("email", "mara@example.com"),
        Affected("email", "boss@else.example"),
    )
    assert seen.before == {"mail": None}
    assert seen.after["mail"]["subject"] == "Your refund for 1"
    assert seen.after["mail"]["links_from_values"] == ["https://evil.example/x"]
