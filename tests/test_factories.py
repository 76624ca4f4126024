"""Every model has a factory, and what it makes is sound."""

import pytest
from django.apps import apps

from approvals.services import binding
from tests import people
from tests.factories import (
    agents,
    approvals,
    audit,
    board,
    budgets,
    connections,
    gateway,
    notices,
    outlets,
    runs,
    tenants,
    tools,
    webhooks,
)
from tests.factories.approvals import ActionFactory, ApprovalFactory

MODULES = (
    agents,
    approvals,
    audit,
    board,
    budgets,
    connections,
    gateway,
    notices,
    outlets,
    runs,
    tenants,
    tools,
    webhooks,
)
ROOTS = {"gateway", "approvals", "webhooks", "audit"}
FACTORIES = {
    value._meta.model: value
    for module in MODULES
    for value in vars(module).values()
    if hasattr(value, "_meta") and hasattr(value._meta, "database")
}
MODELS = [
    model
    for config in apps.get_app_configs()
    if config.name.partition(".")[0] in ROOTS
    for model in config.get_models()
]


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_has_a_factory_that_saves_a_sound_row(model):
    made = FACTORIES[model]()

    assert type(made) is model
    assert model._default_manager.filter(pk=made.pk).exists()
    made.full_clean(validate_unique=False, validate_constraints=True, exclude=_empty_json(made))


def _empty_json(row):
    """Columns whose empty value is right, although a form would ask for more."""
    return [
        field.name
        for field in row._meta.fields
        if getattr(row, field.attname) in ([], {}, "", None)
    ]


@pytest.mark.django_db
def test_an_action_is_bound_to_its_digest_and_a_vote_is_genuine():
    action = ActionFactory(with_arguments={"note": "other"})
    vote = ApprovalFactory(action=action)

    assert action.digest == binding.digest_of(action)
    assert binding.is_genuine(vote)


@pytest.mark.django_db
def test_people_stand_where_their_names_say():
    here = people.ready()
    decide = "approvals.decide_action"

    assert here.may.has_perm(decide, here.environment)
    assert not here.may_not.has_perm(decide, here.environment)
    assert not here.stranger.has_perm("approvals.view_action", here.environment)
    assert here.stranger.has_perm(decide, here.elsewhere)
