"""Forged, odd and overwhelming deliveries: refused alike, and nothing of them kept."""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from random import Random

import pytest
from django.utils import timezone

from tests.factories.webhooks import SecretFactory, SourceFactory
from tests.invariants.door import SECRET, Delivery, deliver, signed, standard_source
from tests.people import ready
from tests.webhooks.ingest.serving import Sender, started
from tests.webhooks.ingest.wire import Answer, connect, exchange, head
from tests.webhooks.schemes import forging
from tests.webhooks.schemes.keys import keys_of
from tests.webhooks.schemes.test_forged import NAMES
from webhooks.ingest import Intake
from webhooks.ingest import group as grouping
from webhooks.ingest.arrival import Arrival
from webhooks.models import Event, Refusal, Secret, Source
from webhooks.schemes.secrets import key_of
from webhooks.schemes.signer import sign
from webhooks.services import NewSecret, rotate_secret

pytestmark = pytest.mark.django_db(transaction=True)
JSON = b"Content-Type: application/json"
NOT_GENUINE = (401, b'{"error":"invalid_signature"}')
FILES = 512
OTHER_SECRET = "whsec_" + SECRET[6:][::-1].replace("=", "") + "=="


@pytest.fixture
def sources(transactional_db: None) -> dict[str, Source]:
    """One of each of the schemes that are forged."""
    found = {}
    for name in NAMES:
        found[name] = SourceFactory(scheme=name)
        SecretFactory(source=found[name], value=keys_of(found[name].rules).secret)
    return found


def wire_of(given: forging.Genuine, address: str) -> list[bytes]:
    """Head and body of a delivery."""
    lines = [name + b": " + value for name, value in given.pairs()]
    return [
        head(f"/webhooks/{address}", JSON, b"Content-Length: %d" % len(given.body), *lines),
        given.body,
    ]


def test_a_sample_of_the_forged_leaves_no_row_behind_a_real_server(server, sources, until):
    now = time.time()
    wanted = []
    for name, source in sources.items():
        for mutation, forge in forging.MUTATIONS.items():
            random = Random(f"{name}/{mutation}")
            given = forge(forging.deliver(source.rules, random, now=int(now)), random)
            wanted.append(wire_of(given, source.address))
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda pieces: exchange(server, *pieces), wanted))

    assert Counter((a.status, a.body) for a in answers) == {NOT_GENUINE: len(wanted)}
    assert not Event.objects.exists()
    own = Refusal.objects.filter(source__in=sources.values())
    until(lambda: sum(own.values_list("count", flat=True)) == len(wanted))


def test_the_genuine_ones_of_the_same_sources_are_taken(server, sources):
    now = int(time.time())
    for name, source in sources.items():
        given = forging.deliver(source.rules, Random(name), now=now)
        assert exchange(server, *wire_of(given, source.address)).status in {200, 202}, name
    assert Event.objects.count() == len(sources)


ODD_VALUES = [
    b"", b",", b" ", b"=", b"v1", b"v1,", b"v1,,", b"v1 v1", b"v1,\xff\xfe", b"\xc3\x28", b"v1,%00",
    b"v1,====", b"v1,A", b"v1," + b"A" * 43, b"v1," + b"_" * 44, b"V1," + b"A" * 43 + b"=",
    b"sha256=" + b"0" * 64, b"t=1,v1=" + b"0" * 64, b" ".join([b"v1,A"] * 5000),
    b",".join([b"v1=0"] * 5000), b"v1," + b"A" * 20_000, b"{}", b"null", b"'; DROP",
    b"${jndi}",
]  # fmt: skip
ODD_TIMES = [b"", b"-1", b"0", b"1e9", b"1.5", b"9" * 20, b"9" * 5000, b"\xd9\xa1", b"NaN", b"now"]
ODD_IDS = [b"", b"a.b", b"a b", b"x" * 129, b"\xff", b"a\tb", b"caf\xc3\xa9"]


@pytest.mark.parametrize(
    ("name", "values"),
    [("webhook-signature", ODD_VALUES), ("webhook-timestamp", ODD_TIMES), ("webhook-id", ODD_IDS)],
)
def test_odd_headers_are_never_more_than_a_wrong_signature(server, sender, name, values):
    good = {
        "webhook-id": b"a",
        "webhook-timestamp": b"%d" % time.time(),
        "webhook-signature": b"v1,",
    }
    path = f"/webhooks/{sender.source.address}"

    def send(value: bytes) -> Answer:
        lines = [n.encode() + b": " + v for n, v in (good | {name: value}).items()]
        return exchange(server, head(path, JSON, b"Content-Length: 2", *lines), b"{}")

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(send, values))
    assert {(a.status, a.body) for a in answers} == {NOT_GENUINE}


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("how", ["twice", "TWICE", "comma", "comma space"])
def test_repeated_and_joined_headers_are_refused(server, sender, name, how):
    request = sender.request()
    lines = [n.lower() + b": " + v for n, v in request.headers.raw]
    (line,) = [line for line in lines if line.startswith(name.encode() + b":")]
    value = line.partition(b": ")[2]
    if how.startswith("comma"):
        lines[lines.index(line)] = line + {"comma": b",", "comma space": b", "}[how] + value
    else:
        lines.append(name.title().encode() + b": " + value if how == "TWICE" else line)
    answer = exchange(server, head(request.url.path, *lines), request.content)

    assert (answer.status, answer.body) == NOT_GENUINE
    assert not Event.objects.exists()


def test_case_of_header_names_does_not_count(server, sender):
    request = sender.request()
    lines = [name.upper() + b": " + value for name, value in request.headers.raw]

    assert exchange(server, head(request.url.path, *lines), request.content).status == 202


def test_known_id_helps_no_forged_delivery(sender):
    """Others look for duplicates before they verify, and so tell which ids there are."""
    assert sender.send(event_id="msg_known").status_code == 202
    forged = sender.send(
        event_id="msg_known", headers={"webhook-signature": "v1," + "A" * 43 + "="}
    )

    assert (forged.status_code, forged.content) == NOT_GENUINE
    assert Event.objects.get().duplicates == 0


def test_unknown_address_and_wrong_signature_are_the_same_bytes(server, sender):
    lines = [JSON, b"Content-Length: 2", b"webhook-id: a", b"webhook-timestamp: 1"]
    lines.append(b"webhook-signature: v1," + b"A" * 43 + b"=")
    answers = {
        exchange(server, head(f"/webhooks/{address}", *lines), b"{}")
        for address in (sender.source.address, "in_" + "0" * 26, "no.such", "", "a/b/c", "%00")
    }

    assert {(a.status, a.body) for a in answers} == {NOT_GENUINE}
    assert len(answers) == 1


@pytest.mark.parametrize("change", [{"scheme": "no_longer_there"}, {"scheme": "custom"}])
def test_source_with_a_scheme_that_cannot_work_refuses_everything(change):
    source = standard_source(ready().environment)
    Source.objects.filter(pk=source.pk).update(**change)
    (answer,) = deliver(signed(source))

    assert answer.status == 401


def test_source_without_a_secret_refuses_everything():
    source = standard_source(ready().environment)
    Secret.objects.filter(source=source).update(not_after=timezone.now() - timedelta(hours=1))
    (answer,) = deliver(signed(source))

    assert answer.status == 401


def test_one_thousand_events_across_a_rotation_are_all_accepted():
    source = standard_source(ready().environment)
    key = {secret: key_of(source.rules, secret) for secret in (SECRET, OTHER_SECRET)}

    def sent(secret: str, numbers: range) -> Counter[int]:
        body = b'{"type":"a"}'
        now = int(time.time())
        made = [
            Delivery(
                source.address, body,
                {"content-type": "application/json"}
                | sign(source.rules, key[secret], body, event_id=f"msg_{n}", sent_at=now),
            )
            for n in numbers
        ]  # fmt: skip
        return Counter(answer.status for answer in deliver(*made))

    assert sent(OTHER_SECRET, range(1)) == {401: 1}
    assert sent(SECRET, range(250)) == {202: 250}
    rotate_secret(source, NewSecret(OTHER_SECRET), overlap=timedelta(hours=1))
    assert sent(SECRET, range(250, 500)) == {202: 250}
    assert sent(OTHER_SECRET, range(500, 750)) == {202: 250}
    old = source.secrets.order_by("id").first()
    source.secrets.filter(pk=old.pk).update(not_after=timezone.now() - timedelta(seconds=1))
    assert sent(OTHER_SECRET, range(750, 1000)) == {202: 250}
    assert sent(SECRET, range(1000, 1001)) == {401: 1}
    assert Event.objects.count() == 1000


@pytest.mark.parametrize(
    ("hops", "forwarded", "status"),
    [
        (0, "192.0.2.7", 401),
        (1, "192.0.2.7", 202),
        (1, "192.0.2.7:1234", 202),
        (1, "::ffff:192.0.2.7", 202),
        (1, "192.0.2.7, 198.51.100.1", 401),
        (1, "192.0.2.7,", 401),
        (1, "192.0.2.7, unknown", 401),
        (2, "192.0.2.7, 10.0.0.1", 202),
        (2, "192.0.2.7, 198.51.100.1, 10.0.0.1", 401),
        (2, "192.0.2.7", 401),
        (1, "[2001:db8::5]:443", 202),
        (1, "2001:db8:1::5", 401),
        (1, "", 401),
    ],
)
def test_allow_list_believes_only_trusted_proxies(settings, hops, forwarded, status):
    settings.TRUSTED_PROXIES = hops
    allowed = {"ip_allow": ["192.0.2.0/24", "2001:db8::/64"]}
    source = standard_source(ready().environment, settings=allowed)
    given = signed(source)
    (answer,) = deliver(
        Delivery(given.address, given.body, given.headers | {"x-forwarded-for": forwarded})
    )

    assert answer.status == status


def test_list_of_what_waits_is_bounded_and_nothing_accepted_is_lost(monkeypatch):
    monkeypatch.setattr(grouping, "MAX_PENDING", 5)
    source = standard_source(ready().environment)

    def slow_disk(intake: Intake) -> None:
        commit = intake.group.store.commit

        async def later(batch: list[Arrival]) -> None:
            for _ in range(50):
                await asyncio.sleep(0)
            await commit(batch)

        intake.group.store.commit = later  # type: ignore[method-assign]

    wanted = [signed(source, message_id=f"msg_{number}") for number in range(60)]
    counts = Counter(answer.status for answer in deliver(*wanted, prepare=slow_disk))

    assert set(counts) == {202, 503}
    assert Event.objects.count() == counts[202]
    assert counts[503] > 0


@contextmanager
def few_files() -> Iterator[None]:
    """Whoever is started meanwhile may not open many files, unless it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
def test_many_connections_leave_files_for_the_database(
    kind: str, make_source: Callable[..., tuple]
) -> None:
    source, secret = make_source()
    with ExitStack() as stack:
        with few_files():
            server = stack.enter_context(started(kind))
        for _ in range(FILES + 50):
            stack.enter_context(connect(server))
        client = stack.enter_context(server.client())
        assert Sender(source, secret, client).send().status_code == 202
