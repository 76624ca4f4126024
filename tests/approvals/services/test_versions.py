"""What an action was before it changed is kept, and its digest follows from it again."""

import pytest

from approvals.models import Action, ActionVersion
from approvals.requirement import Requirement
from approvals.services import binding, reject, versions
from approvals.services.reading import eligible_reviewers, may_decide
from approvals.services.waiting import waiting_for
from approvals.states import ActionStatus
from gateway.lib.errors import Denied
from tests.factories.approvals import ActionFactory, ActionVersionFactory, ApprovalFactory
from tests.people import People, ready

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return ready()


def test_what_is_returned_to_review_is_kept_as_it_was_and_its_votes_are_void(
    people: People,
) -> None:
    action = ActionFactory(environment=people.environment, status=ActionStatus.APPROVED)
    vote = ApprovalFactory(action=action, user=people.may)
    old = action.digest
    versions.return_to_review(action, Requirement(reviewers=("role:reviewer",), quorum=2))

    vote.refresh_from_db()
    first, second = action.versions.all()
    assert (first.number, first.origin, first.digest) == (1, "proposed", old)
    assert (second.number, second.origin, second.digest) == (2, "returned", action.digest)
    assert vote.void_at is not None
    assert action.digest != old
    assert second.nonce != first.nonce
    for version in (first, second):
        assert binding.digest_of(versions.as_of(version)) == version.digest


def test_a_kept_version_cannot_be_rewritten() -> None:
    version = ActionVersionFactory()
    version.effect = "Something else"
    with pytest.raises(TypeError, match="written once"):
        version.save()
    assert ActionVersion.objects.get().effect != "Something else"


@pytest.mark.parametrize("later", [[], ["admin"], ["admin", "owner"]])
def test_every_editor_leaves_the_approval_to_somebody_else_but_may_reject(
    people: People, later: list[str]
) -> None:
    editors = [people.may, *(getattr(people, who) for who in later)]
    requirement = Requirement(reviewers=("role:reviewer",), edit_needs_second=True)
    action: Action = ActionFactory(
        environment=people.environment, requirement=requirement.as_dict(), edited_by=editors
    )
    by = people.principal(people.may)
    with pytest.raises(Denied, match="edited this action") as refused:
        may_decide(action, by)
    assert refused.value.code == "own_edit"
    assert people.may not in [member.user for member in eligible_reviewers(action)]
    assert not waiting_for(people.may, people.environment)
    assert list(waiting_for(people.second, people.environment)) == [action]
    reject(action=action, by=by, digest=action.digest, reason="Better not at all.")
    action.refresh_from_db()
    assert action.status == ActionStatus.REJECTED
