"""Test events: every provider's sample is signed as it would sign, and accepted by the intake."""

import json

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from gateway.lib.errors import Refused
from tests import people
from tests.desk import HTMX, at, signed_in, text
from tests.factories.webhooks import SecretFactory, SourceFactory
from tests.webhooks.ingest.serving import Server, started
from webhooks.models import Event, Refusal, Secret
from webhooks.samples import SAMPLES, sample_of, samples_of, text_of
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.secrets import new_secret
from webhooks.services import send_test
from webhooks.views.lookup import can_make

# Nothing listens there, so the reception is asked without the network.
NOWHERE = "http://127.0.0.1:9"
SIGNED_HERE = sorted(n for n, scheme in SCHEMES.items() if scheme.check is None or scheme.sign)
A_SECRET = "a-secret-that-a-provider-made"  # noqa: S105 - nobody's


@pytest.fixture(autouse=True)
def nowhere(settings):
    settings.PUBLIC_URL = NOWHERE


def ready(scheme: str, **fields):
    source = SourceFactory(scheme=scheme, **fields)
    if not source.rules.algorithm.is_asymmetric:
        value = new_secret(source.rules) if can_make(source.rules) else A_SECRET
        SecretFactory(source=source, value=value)
    return source


@pytest.mark.django_db
@pytest.mark.parametrize("scheme", SIGNED_HERE)
def test_the_samples_of_every_provider_are_accepted_each_time(scheme):
    source = ready(scheme)
    for sample in samples_of(scheme):
        for _ in range(2):
            tested = send_test(source, sample)
            assert tested.is_accepted, (scheme, sample.name, tested)
            assert tested.event is not None
            assert tested.event.source == source
    assert {event.status for event in Event.objects.all()} == {"received"}
    if scheme != "dropbox":
        assert Event.objects.count() == 2 * len(samples_of(scheme))


def test_every_sample_belongs_to_a_scheme_and_has_a_name_of_its_own():
    assert set(SAMPLES) <= set(SCHEMES)
    for samples in SAMPLES.values():
        assert len({sample.name for sample in samples}) == len(samples)


@pytest.mark.django_db
@pytest.mark.parametrize("scheme", ["discord", "sendgrid", "standard_v1a"])
def test_a_key_made_for_a_test_counts_no_longer_than_that(scheme):
    source = ready(scheme)
    send_test(source, samples_of(scheme)[0])
    made = Secret.objects.get(source=source)
    assert not made.is_live(timezone.now())


@pytest.mark.django_db
def test_a_text_is_sent_in_the_samples_place_with_its_marks_replaced():
    source = ready("github")
    sample = samples_of("github")[0]
    event = send_test(source, sample, text='{"a": "$s", "b": ["$id"]}').event
    said = json.loads(event.raw)
    assert isinstance(said["a"], int)
    assert said["b"] == [event.event_id]
    assert event.event_type == "pull_request"
    assert send_test(source, sample, text="no json").event.raw == b"no json"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scheme", "secret"),
    [("sns", "arn:aws:sns:eu-west-1:123456789012:orders"),
     ("langsmith", "https://api.smith.langchain.com/.well-known/jwks.json 0b6e7c1a-5d1f")],
)  # fmt: skip
def test_nobody_signs_in_amazons_or_langsmiths_place(scheme, secret):
    source = SourceFactory(scheme=scheme)
    SecretFactory(source=source, value=secret)
    with pytest.raises(Refused, match="Nobody but") as caught:
        send_test(source, samples_of(scheme)[0])
    assert caught.value.code == "cannot_sign"
    assert source.secrets.count() == 1


@pytest.mark.django_db
def test_who_sent_a_test_is_recorded():
    send_test(ready("github"), samples_of("github")[0])
    assert AuditRecord.objects.filter(action="webhooks.source.tested").count() == 1


@pytest.mark.django_db
def test_a_test_that_is_refused_says_so_and_is_counted():
    source = ready("github", settings={"ip_allow": ["192.0.2.1"]})
    tested = send_test(source, samples_of("github")[0])
    assert (tested.status, tested.event) == (401, None)
    assert Refusal.objects.get().source == source


@pytest.mark.django_db
def test_without_a_live_secret_nothing_is_sent():
    with pytest.raises(Refused, match="no secret"):
        send_test(SourceFactory(scheme="github"), samples_of("github")[0])


@pytest.mark.django_db
def test_a_secret_that_cannot_be_opened_is_told():
    source = ready("github")
    source.secrets.update(sealed="v1.00000000.AAAA")
    with pytest.raises(Refused, match="cannot be used"):
        send_test(source, samples_of("github")[0])


@pytest.mark.django_db
def test_what_only_the_provider_can_sign_is_told():
    source = SourceFactory(scheme="sns")
    SecretFactory(source=source, value="arn:aws:sns:eu-west-1:123456789012:orders")
    with pytest.raises(Refused, match="Nobody but"):
        send_test(source, samples_of("sns")[0])


@pytest.fixture(scope="module")
def intake(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), started("uvicorn") as running:
        running.client().head("/webhooks/warm")  # it takes a while until it is there
        yield running


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scheme", ["github", "standard_v1a"])
def test_it_goes_over_the_network_where_the_address_leads_somewhere(
    intake: Server, settings, scheme
):
    settings.PUBLIC_URL = intake.url
    tested = send_test(ready(scheme), samples_of(scheme)[0])
    assert (tested.is_direct, tested.is_accepted) == (False, True)
    assert tested.event == Event.objects.get()


@pytest.fixture
def met(db):
    return people.ready()


def page(source):
    return at(source.environment, "webhooks:test", source=source.slug)


def test_an_operator_sends_a_sample_and_is_led_to_its_event(met):
    source = ready("stripe", environment=met.environment)
    desk = signed_in(met.operator)
    assert "charge.dispute.created" in text(desk.get(page(source)))
    chosen = page(source) + "?sample=invoice.payment_failed"
    body = text_of(sample_of("stripe", "invoice.payment_failed"))
    answer = desk.post(chosen, {"body": body}, headers=HTMX)
    assert answer.status_code == 200
    event = Event.objects.get()
    assert event.public_id in text(answer)
    assert "<html" not in text(answer)
    assert json.loads(event.raw)["type"] == "invoice.payment_failed"
    assert "could not be reached" in text(answer)


def test_a_source_without_a_secret_says_what_is_missing(met):
    source = SourceFactory(environment=met.environment, scheme="github")
    answer = signed_in(met.operator).post(page(source), {"body": "{}"})
    assert answer.status_code == 422
    assert "no secret" in text(answer)


def test_who_only_looks_and_who_is_a_stranger_sends_nothing(met):
    source = ready("github", environment=met.environment)
    assert signed_in(met.may_not).post(page(source), {"body": "{}"}).status_code == 403
    assert signed_in(met.stranger).post(page(source), {"body": "{}"}).status_code == 404
    assert not Event.objects.exists()
