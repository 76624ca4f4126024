"""What the demo shows beside its run: a question answered, a grant in use, a budget nearly used up.

Everything is asked for and decided by the services that people and agents use, so that it has its
records like everything else. The shop is not up yet: the mails leave once it is.
"""

from datetime import timedelta

from django.http import QueryDict
from django.utils import timezone

from approvals import services as approvals
from approvals.models import Action
from audit import context
from gateway.agents.models import Agent
from gateway.demo import cast
from gateway.tenants.models import ApiKey, Environment, User
from gateway.tenants.principals import Principal, of_key, of_user


def show(environment: Environment, agent: Agent) -> None:
    """A reviewer asks, approves and grants; the same newsletter then leaves by itself."""
    rui = of_user(User.objects.get(email=cast.RUI.email), environment)
    machine = of_key(ApiKey.objects.get(environment=environment, agent_id=agent.pk))
    refunds = QueryDict(f"tab=team&tool={cast.REFUND}")
    approvals.save_view(name=cast.SAVED_VIEW, params=refunds, is_shared=True, by=rui)
    first = _ask(environment, agent, machine, to=cast.READERS[0])
    approvals.comment(action=first, by=rui, text=cast.QUESTION, is_question=True)
    approvals.answer(action=first, by=machine, text=cast.ANSWER)
    approvals.approve(action=first, by=rui, digest=first.digest, comment=cast.APPROVAL)
    approvals.grants.create(
        action=first, by=rui, expires_at=timezone.now() + timedelta(days=cast.GRANT_DAYS),
        max_uses=cast.GRANT_USES, reason=cast.GRANT_REASON, condition=cast.GRANT_CONDITION,
    )  # fmt: skip
    for reader in cast.READERS[1:]:
        _ask(environment, agent, machine, to=reader)


def _ask(environment: Environment, agent: Agent, machine: Principal, *, to: str) -> Action:
    with context.bind(correlation_id=context.new_correlation_id()):
        return approvals.propose(
            environment=environment, agent=agent, tool_name="send_email",
            arguments={"to": to, **cast.NEWSLETTER}, requester=machine, tags=cast.NEWS_TAGS,
            reason="They asked for the newsletter.",
        )  # fmt: skip
