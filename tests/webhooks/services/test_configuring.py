"""Sources, secrets and routes: what is refused, what is recorded, and what never comes back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from gateway.lib.errors import Refused
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.tenants import EnvironmentFactory, UserFactory
from webhooks import services
from webhooks.ingest.sources import entry_of, read_entries, read_state
from webhooks.models import Source
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.secrets import new_secret
from webhooks.services import NewRoute, NewSecret

pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    return EnvironmentFactory()


def secret(scheme: str = "standard") -> NewSecret:
    return NewSecret(new_secret(SCHEMES[scheme]))


def make(place, **fields) -> Source:
    given = {"scheme": "standard", "secrets": [secret()]} | fields
    return services.create_source(place, **given)


def recorded() -> list[str]:
    return list(AuditRecord.objects.order_by("id").values_list("action", flat=True))


def test_address_cannot_be_guessed_unless_a_slug_was_chosen(place):
    assert make(place).address.startswith("in_")
    assert len(make(place).address) == 29
    assert make(place, slug="shop").address == f"{place.tenant.slug}.shop"


@pytest.mark.parametrize("slug", ["Shop", "a b", "a.b", "x" * 41, "in/x"])
def test_odd_slug_is_refused(place, slug):
    with pytest.raises(Refused):
        make(place, slug=slug)


def test_slug_in_use_is_refused_even_in_the_other_environment_of_the_tenant(place):
    make(place, slug="shop")
    sibling = EnvironmentFactory(tenant=place.tenant)

    for where in (place, sibling):
        with pytest.raises(Refused) as caught:
            make(where, slug="shop")
        assert caught.value.code == "slug_in_use"
    assert make(EnvironmentFactory(), slug="shop")


def test_secret_is_sealed_and_recorded_without_its_value(place):
    given = secret()
    source = make(place, secrets=[given])

    kept = source.secrets.get()
    assert given.value not in kept.sealed
    assert given.value.removeprefix("whsec_") not in repr(given)
    bodies = " ".join(AuditRecord.objects.values_list("body", flat=True))
    assert given.value.removeprefix("whsec_") not in bodies
    assert recorded() == ["webhooks.secret.added", "webhooks.source.created"]
    assert [key.secret_id for key in entry_of(source).keys] == [kept.pk]


def test_what_cannot_be_is_refused_and_leaves_nothing(place):
    bad = [
        {"scheme": "none"},
        {"secrets": [NewSecret("whsec_short")]},
        {"settings": {"tolerance_s": 0}},
        {"settings": {"tolerance_s": True}},
        {"settings": {"success_status": 201}},
        {"settings": {"ip_allow": ["nowhere"]}},
        {"settings": {"rate_per_s": -1}},
        {"settings": {"surprise": 1}},
        {"routes": [NewRoute("r", "explode")]},
        {"routes": [NewRoute("r", "record", when="body.a ==")]},
        {"routes": [NewRoute("r", "run")]},
        {"routes": [NewRoute("r", "start_run", arguments={"task": "'x'"})]},
        {"routes": [NewRoute("r", "action", tool="t")]},
        {"routes": [NewRoute("r", "action", tool="t", agent=AgentFactory())]},
        {"provider": ProviderFactory()},
    ]
    before = recorded()
    for fields in bad:
        with pytest.raises(Refused):
            make(place, **fields)
    assert not Source.objects.exists()
    assert recorded() == before


def test_rotation_lets_both_secrets_count_for_the_overlap(place):
    source = make(place)
    services.rotate_secret(source, secret(), overlap=timedelta(hours=1))

    old, new = source.secrets.order_by("id")
    now = timezone.now()
    assert old.is_live(now)
    assert new.is_live(now)
    assert not old.is_live(now + timedelta(hours=1, seconds=1))
    keys = entry_of(source)
    assert len(keys.live_keys(now.timestamp())) == 2
    assert [k.secret_id for k in keys.live_keys(now.timestamp() + 3700)] == [new.pk]
    assert recorded()[2:] == ["webhooks.secret.retired", "webhooks.secret.added"]


def test_a_secret_that_ends_sooner_is_not_prolonged(place):
    source = make(place)
    kept = source.secrets.get()
    end = timezone.now() + timedelta(minutes=5)
    services.retire_secret(source, kept, at=end)
    services.rotate_secret(source, secret(), overlap=timedelta(hours=1))
    services.retire_secret(source, kept, at=end + timedelta(days=1))
    kept.refresh_from_db()
    assert kept.not_after == end


def test_at_most_ten_secrets_count_at_a_time(place):
    source = make(place, secrets=[secret() for _ in range(10)])

    with pytest.raises(Refused) as caught:
        services.add_secret(source, secret())
    assert caught.value.code == "too_many_secrets"
    services.retire_secret(source, source.secrets.first())
    assert services.add_secret(source, secret())


def test_every_change_is_noticed_by_the_processes_that_receive(place):
    source = make(place)
    states = [read_state()]
    changes = [
        lambda: services.add_secret(source, secret()),
        lambda: services.retire_secret(source, source.secrets.first()),
        lambda: services.update_source(source, is_enabled=False),
        lambda: services.replace_routes(source, [NewRoute("r", "record")], by=None),
        lambda: services.update_source(source, archive=True),
        lambda: make(place),
    ]
    for change in changes:
        change()
        states.append(read_state())
    assert len(set(states)) == len(states)


def test_unchanged_sources_are_taken_over_as_they_are(place):
    first, second = make(place), make(place)
    known = read_entries({})
    services.update_source(second, is_enabled=False)

    renewed = read_entries(known)
    assert renewed[first.address] is known[first.address]
    assert not renewed[second.address].is_enabled


def test_replaced_routes_keep_their_order_and_who_edited_them(place):
    source, editor = make(place), UserFactory()
    services.replace_routes(
        source, [NewRoute("b", "record", when="false"), NewRoute("a", "record")], by=editor
    )

    assert [(r.position, r.name, r.edited_by) for r in source.routes.all()] == [
        (1, "b", editor), (2, "a", editor),
    ]  # fmt: skip
    record = AuditRecord.objects.get(action="webhooks.route.changed")
    assert record.body_json["changes"] == {"routes": [[], ["b", "a"]]}


def test_update_that_changes_nothing_records_nothing(place):
    source = make(place, name="Shop")
    before = recorded()
    services.update_source(source, name="Shop", is_enabled=True)
    assert recorded() == before


def test_secret_that_cannot_be_opened_lets_nothing_pass(place):
    source = make(place)
    source.secrets.update(sealed="v1.00000000.AAAA")

    assert entry_of(source).keys == ()
