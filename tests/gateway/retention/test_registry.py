"""Every model says what it keeps, and each declaration can be carried out."""

import pytest
from django.apps import apps
from django.conf import settings

from gateway.retention import registry
from tests.test_factories import FACTORIES

EVIDENCE = {"audit.AuditRecord", "audit.Leaf", "audit.Checkpoint"}


def test_every_model_has_exactly_one_declaration():
    said = sorted(kept.model for kept in registry.declared())
    assert said == sorted(model._meta.label for model in apps.get_models())


def test_every_declared_setting_exists_and_its_column_too():
    for kept in registry.declared():
        assert bool(kept.days) == bool(kept.since), kept.model
        if kept.days:
            assert getattr(settings, kept.days) >= 0
            assert kept.personal or kept.deletes, kept.model


def test_nothing_of_the_evidence_is_ever_pruned_or_erased():
    for kept in registry.declared():
        if kept.model in EVIDENCE:
            assert (kept.days, dict(kept.personal), kept.deletes) == ("", {}, False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "kept", [kept for kept in registry.declared() if kept.personal], ids=lambda kept: kept.model
)
def test_what_may_go_goes_and_nothing_is_left_afterwards(kept):
    made = FACTORIES[registry.model_of(kept)]()
    rows = registry.rows_of(kept).filter(pk=made.pk)
    now = made.created_at if made.created_at else made.received_at

    registry.empty(kept, [made.pk], now=now)

    if kept.deletes:
        assert not rows.exists()
    elif kept.model != "budgets.Counter":
        assert not rows.filter(registry.left(kept)).exists()
    # The tenant's rows are found by the declared way; the query is a sound one.
    assert not registry.rows_of(kept, "00000000-0000-0000-0000-000000000000").exists()
    if kept.days:
        registry.overdue(kept, 1, now=now).exists()
