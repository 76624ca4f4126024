"""Making and changing sources on the desk: every form, who may, and what is shown once."""

import re

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from tests import people
from tests.desk import HTMX, at, signed_in, text
from tests.factories.agents import ProviderFactory
from tests.factories.webhooks import SecretFactory, SourceFactory
from webhooks import services
from webhooks.forms import SchemeForm
from webhooks.ingest.sources import entry_of
from webhooks.models import Source
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.secrets import key_of, new_secret
from webhooks.schemes.signer import sign

pytestmark = pytest.mark.django_db
MADE = re.compile(r'<code class="cs-code">(whsec_[^<]+)</code>')
PUBLIC_KEY = "a" * 64


@pytest.fixture
def met():
    return people.ready()


@pytest.fixture
def desk(met):
    return signed_in(met.operator)


@pytest.fixture
def source(met):
    made = SourceFactory(environment=met.environment, scheme="standard", name="Lab")
    SecretFactory(source=made, value=new_secret(made.rules))
    return made


def new(met, scheme=""):
    return at(met.environment, "webhooks:new") + (f"?scheme={scheme}" if scheme else "")


def page(source, name="source"):
    return at(source.environment, f"webhooks:{name}", source=source.slug)


def fields(**more):
    return {"name": "Lab", "secret_from": "make", "quarantine": "on"} | more


def test_every_preset_is_listed_and_the_list_is_searched(met, desk):
    shown = text(desk.get(new(met)))
    assert all(f"?scheme={name}" in shown for name in SCHEMES)
    found = desk.get(new(met), {"q": "spark of joy"}, headers=HTMX)
    assert "No such provider" in text(found)
    assert "<html" not in text(found)
    assert "?scheme=stripe" in text(desk.get(new(met), {"q": "STRIPE"}))


@pytest.mark.parametrize("scheme", ["standard", "square", "discord", "gitlab_token", "meta"])
def test_each_scheme_has_a_form(met, desk, scheme):
    assert desk.get(new(met, scheme)).status_code == 200


def test_a_new_source_shows_its_made_secret_once(met, desk):
    answer = desk.post(new(met, "standard"), fields(slug="lab", tolerance_s="60"))
    assert answer.status_code == 200
    secret = MADE.search(text(answer))[1]
    assert answer["Cache-Control"] == "no-store"
    source = Source.objects.get()
    assert source.url in text(answer)
    assert (source.scheme, source.settings) == ("standard", {"tolerance_s": 60})
    assert entry_of(source).keys[0].value == key_of(source.rules, secret)
    for name in ("source", "setup", "secrets", "edit"):
        assert secret not in text(desk.get(page(source, name)))
    assert AuditRecord.objects.filter(action="webhooks.source.created").count() == 1


def test_a_pasted_secret_is_not_repeated(met, desk):
    secret = new_secret(SCHEMES["github"])
    answer = desk.post(new(met, "github"), fields(secret_from="paste", secret=secret))
    assert answer.status_code == 200
    assert secret not in text(answer)
    assert entry_of(Source.objects.get()).keys


@pytest.mark.parametrize(
    ("scheme", "changes", "said"),
    [
        ("standard", {"slug": "Not a slug"}, "slug"),
        ("standard", {"secret_from": "paste"}, "Paste the provider"),
        ("standard", {"secret_from": "paste", "secret": "whsec_!"}, "base64"),
        ("standard", {"ip_allow": "nowhere"}, "no address or network"),
        ("standard", {"tolerance_s": "0"}, "greater than or equal to 1"),
        ("standard", {"public_url": "gopher://x"}, "valid URL"),
        ("standard", {"provider": "prv_x"}, "valid choice"),
        ("discord", {"secret": "zz"}, "hex"),
        ("gitlab_token", {}, "Tick this"),
    ],
)
def test_what_cannot_be_is_told_at_its_field_and_makes_nothing(met, desk, scheme, changes, said):
    answer = desk.post(new(met, scheme), fields(**changes))
    assert answer.status_code == 422
    assert said in text(answer)
    assert not Source.objects.exists()


def test_a_slug_in_use_is_told(met, desk, source):
    Source.objects.filter(pk=source.pk).update(slug="lab")
    answer = desk.post(new(met, "github"), fields(slug="lab"))
    assert answer.status_code == 422
    assert "already" in text(answer)


def test_a_scheme_that_signs_nothing_is_taken_once_it_was_understood(met, desk):
    answer = desk.post(new(met, "gitlab_token"), fields(is_understood="on"))
    assert answer.status_code == 200
    assert Source.objects.get().scheme == "gitlab_token"


def test_the_verify_token_is_shown_where_the_provider_asks_for_it(met, desk):
    desk.post(new(met, "meta"), fields())
    source = Source.objects.get()
    assert source.verify_token in text(desk.get(page(source, "setup")))
    other = SourceFactory(environment=met.environment)
    assert other.verify_token not in text(desk.get(page(other, "setup")))


def test_the_form_says_the_readers_address_through_the_trusted_proxies(met, desk, settings):
    settings.TRUSTED_PROXIES = 1
    forwarded = {"X-Forwarded-For": "198.51.100.9, 192.0.2.77"}
    shown = text(desk.get(new(met, "github"), headers=forwarded))
    assert "192.0.2.77" in shown
    assert "198.51.100.9" not in shown


def test_a_source_is_changed_and_what_the_form_does_not_know_stays(met, desk, source):
    provider = ProviderFactory(environment=met.environment)
    Source.objects.filter(pk=source.pk).update(settings={"silent_after_s": 600, "rate_per_s": 9})
    changes = {
        "name": "Other", "provider": provider.public_id, "success_status": "204",
        "ip_allow": "192.0.2.0/24\n198.51.100.1", "concurrency": "2", "order_by": "body:id",
    }  # fmt: skip
    assert desk.post(page(source, "edit"), changes).status_code == 302
    source.refresh_from_db()
    assert source.name == "Other"
    assert source.provider == provider
    assert source.settings == {
        "silent_after_s": 600, "success_status": 204, "concurrency": 2, "order_by": "body:id",
        "ip_allow": ["192.0.2.0/24", "198.51.100.1"],
    }  # fmt: skip
    shown = text(desk.get(page(source, "edit")))
    assert "198.51.100.1" in shown


def test_quarantine_is_turned_off_and_on(met, desk):
    source = SourceFactory(environment=met.environment, scheme="github")
    desk.post(page(source, "edit"), {"name": "x"})
    source.refresh_from_db()
    assert source.settings == {"quarantine": False}
    desk.post(page(source, "edit"), {"name": "x", "quarantine": "on"})
    source.refresh_from_db()
    assert source.settings == {}


def test_a_change_that_cannot_be_leaves_the_source_as_it_is(desk, source):
    answer = desk.post(page(source, "edit"), {"name": "Other", "rate_per_s": "-1"})
    assert answer.status_code == 422
    source.refresh_from_db()
    assert source.name == "Lab"


def test_a_source_is_turned_off_and_on(desk, source):
    for word, is_on in (("no", False), ("yes", True)):
        desk.post(page(source, "switch"), {"on": word})
        source.refresh_from_db()
        assert source.is_enabled is is_on


def test_an_archived_source_is_gone_from_the_desk(met, desk, source):
    assert desk.get(page(source, "archive")).status_code == 200
    desk.post(page(source, "archive"))
    source.refresh_from_db()
    assert source.archived_at
    assert desk.get(page(source)).status_code == 404
    assert source.slug not in text(desk.get(at(met.environment, "webhooks:sources")))


def test_a_rotation_shows_the_new_secret_once_and_ends_the_old_after_the_overlap(desk, source):
    answer = desk.post(page(source, "rotate_secret"), {"overlap": "3600"})
    secret = MADE.search(text(answer))[1]
    assert answer["Cache-Control"] == "no-store"
    old, fresh = source.secrets.order_by("id")
    assert 3500 < (old.not_after - timezone.now()).total_seconds() <= 3600
    assert fresh.not_after is None
    assert secret not in text(desk.get(page(source, "secrets")))
    assert key_of(source.rules, secret) in [key.value for key in entry_of(source).keys]


def test_a_pasted_secret_takes_over(desk, source):
    secret = new_secret(source.rules)
    answer = desk.post(page(source, "rotate_secret"), {"overlap": "86400", "secret": secret})
    assert answer.status_code == 302
    assert source.secrets.count() == 2
    for wrong in ({"overlap": "5"}, {"overlap": "3600", "secret": "whsec_!"}):
        refused = desk.post(page(source, "rotate_secret"), wrong)
        assert refused.status_code == 422
    assert source.secrets.count() == 2


def test_a_secret_is_added_with_its_bounds(desk, source):
    bounds = {"not_before": "2030-01-01T10:00", "not_after": "2031-01-01T10:00"}
    value = {"secret": new_secret(source.rules)}
    assert desk.post(page(source, "add_secret"), value | bounds).status_code == 302
    added = source.secrets.order_by("-id").first()
    assert (added.not_before.year, added.not_after.year) == (2030, 2031)
    backwards = value | {"not_before": "2031-01-01T10:00", "not_after": "2030-01-01T10:00"}
    refused = desk.post(page(source, "add_secret"), backwards)
    assert refused.status_code == 422
    assert "lies in the future" in text(refused)


def test_an_eleventh_live_secret_is_refused(desk, source):
    for _ in range(9):
        SecretFactory(source=source)
    refused = desk.post(page(source, "add_secret"), {"secret": new_secret(source.rules)})
    assert refused.status_code == 422
    assert "At most 10" in text(refused)


def test_a_secret_is_ended_now_and_another_sources_is_not(met, desk, source):
    secret = source.secrets.get()
    other = SecretFactory(source__environment=met.environment)
    ending = page(source, "end_secret")
    assert desk.post(ending, {"secret": other.public_id}).status_code == 404
    assert desk.post(ending, {"secret": secret.public_id}).status_code == 302
    secret.refresh_from_db()
    assert not secret.is_live(timezone.now())
    assert "every webhook is refused" in text(desk.get(page(source)))


VERBS = (
    "edit", "setup", "switch", "archive", "secrets", "rotate_secret", "add_secret", "end_secret",
)  # fmt: skip


@pytest.mark.parametrize("name", VERBS)
def test_who_only_looks_and_who_is_a_stranger_configures_nothing(met, source, name):
    before = (source.version, source.secrets.count())
    for method in ("get", "post"):
        for user, status in ((met.may_not, 403), (met.may, 403), (met.stranger, 404)):
            assert getattr(signed_in(user), method)(page(source, name)).status_code == status
    source.refresh_from_db()
    assert (source.version, source.secrets.count()) == before


def test_only_who_may_sees_the_way_to_change(met, source):
    list_of = at(met.environment, "webhooks:sources")
    assert "New source" in text(signed_in(met.admin).get(list_of))
    assert "New source" not in text(signed_in(met.may_not).get(list_of))
    assert "Turn off" not in text(signed_in(met.may_not).get(page(source)))
    assert signed_in(met.may_not).get(new(met)).status_code == 403
    assert signed_in(met.stranger).get(new(met)).status_code == 404


ACME = {
    "title": "Acme", "algorithm": "hmac_sha256", "signature_headers": "X-Acme-Sign",
    "signature_encoding": "hex", "signature_prefix": "v1=", "item_separator": " ",
    "signed": "{timestamp}.{body}", "secret_encoding": "utf8", "timestamp": "header:x-acme-time",
    "timestamp_unit": "s", "past_tolerance_s": "300", "future_tolerance_s": "60",
    "ids": "header:x-acme-id\nbody:id", "id_fallback": "digest", "types": "body:kind",
}  # fmt: skip
SECRET = "a-secret-of-acme"  # noqa: S105 - nobody's


def test_a_custom_scheme_is_described_on_a_form_and_verifies(met, desk):
    answer = desk.post(
        new(met, "custom"), ACME | fields(secret_from="paste", secret=SECRET, slug="acme")
    )
    assert answer.status_code == 200, text(answer)
    source = Source.objects.get()
    assert source.rules.signature_prefix == "v1="
    assert source.rules.item_separator == " "
    assert source.rules.ids == ("header:x-acme-id", "body:id")
    assert source.rules.future_tolerance_s == 60
    shown = text(desk.get(page(source, "edit")))
    assert "{timestamp}.{body}" in shown
    changed = desk.post(page(source, "edit"), ACME | {"name": "Acme", "signed": "{body}"})
    assert changed.status_code == 302
    source.refresh_from_db()
    assert source.rules.signed == "{body}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"signed": "{timestamp}"}, "has to contain {body}"),
        ({"signed": "{speed}"}, "speed"),
        ({"timestamp": "nowhere"}, "no place"),
        ({"signature_headers": ""}, "required"),
        ({"algorithm": "rot13"}, "valid choice"),
        ({"algorithm": "token"}, "Tick this"),
    ],
)
def test_a_scheme_that_cannot_work_is_told_at_its_field(met, desk, change, said):
    answer = desk.post(new(met, "custom"), ACME | change | fields())
    assert answer.status_code == 422
    assert said in text(answer)
    assert not Source.objects.exists()


def test_a_custom_scheme_starts_from_any_entry_of_the_catalogue(met, desk):
    for scheme in SCHEMES.values():
        assert SchemeForm(SchemeForm.of(scheme).initial).is_valid() or scheme.check, scheme.name
    assert "v0:{timestamp}:{body}" in text(
        desk.get(new(met, "custom"), {"scheme": "custom", "from": "slack"})
    )


def test_a_change_that_would_make_a_live_secret_useless_is_refused(met, desk):
    desk.post(new(met, "custom"), ACME | fields(secret_from="paste", secret=SECRET))
    source = Source.objects.get()
    changed = ACME | {"name": "Acme", "secret_encoding": "hex"}
    answer = desk.post(page(source, "edit"), changed)
    assert answer.status_code == 422
    assert "would not count any more" in text(answer)
    assert SECRET not in text(answer)
    source.refresh_from_db()
    assert entry_of(source).keys
    services.retire_secret(source, source.secrets.get())
    assert desk.post(page(source, "edit"), changed).status_code == 302


def pasted(sent_at: float, body: bytes = b'{"kind": "push"}') -> dict[str, str]:
    """A request as Acme would sign it, as people paste it."""
    from webhooks.schemes.custom import parse

    scheme = parse(
        {
            "signature_headers": ["x-acme-sign"], "signature_prefix": "v1=",
            "signed": "{timestamp}.{body}", "timestamp": "header:x-acme-time",
            "ids": ["header:x-acme-id"],
        }
    )  # fmt: skip
    headers = sign(scheme, SECRET.encode(), body, event_id="e-17", sent_at=sent_at)
    lines = ["POST /webhooks/acme HTTP/1.1", *(f"{k.title()}: {v}" for k, v in headers.items())]
    return {"headers": "\r\n".join(lines), "body": body.decode(), "trial_secret": SECRET}


def test_a_pasted_request_is_tried_before_anything_is_made(met, desk):
    now = int(timezone.now().timestamp())
    request = {"do": "try"} | pasted(now)
    answer = desk.post(new(met, "custom"), ACME | request)
    assert answer.status_code == 200
    assert "It verifies" in text(answer)
    assert "e-17" in text(answer)
    assert "push" in text(answer)
    assert SECRET not in text(answer)
    assert not Source.objects.exists()
    wrong = desk.post(new(met, "custom"), ACME | request | {"body": "{}"})
    assert "It does not verify" in text(wrong)
    assert "Wrong signature" in text(wrong)
    without = desk.post(new(met, "custom"), ACME | request | {"trial_secret": ""})
    assert "Give the secret" in text(without)


def test_an_old_request_verifies_with_a_word_about_its_time(met, desk):
    answer = desk.post(new(met, "custom"), ACME | {"do": "try"} | pasted(1_700_000_000))
    assert "It verifies" in text(answer)
    assert "refused for its time" in text(answer)


def test_a_change_of_a_scheme_is_tried_on_the_sources_own_secrets(met, desk):
    desk.post(new(met, "custom"), ACME | fields(secret_from="paste", secret=SECRET))
    source = Source.objects.get()
    request = {"do": "try"} | pasted(int(timezone.now().timestamp())) | {"trial_secret": ""}
    assert "It verifies" in text(desk.post(page(source, "edit"), ACME | request))
    changed = ACME | {"signed": "{body}", "timestamp": ""}
    assert "Wrong signature" in text(desk.post(page(source, "edit"), changed | request))
    source.refresh_from_db()
    assert source.rules.signed == "{timestamp}.{body}"
