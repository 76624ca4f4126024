"""Taking the demo away: nothing of it works any more, and nobody of it signs in.

Evidence stays, as everywhere: the audit log, what was asked and decided. `up` does not make the
demo again; `manage.py demo` does.
"""

from django.db import transaction

from approvals import services as approvals
from approvals.models import Action
from approvals.states import ActionStatus
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents import services as agents
from gateway.agents.models import Agent
from gateway.board.models import Hour
from gateway.demo import cast, kept
from gateway.lib.errors import Denied, Refused
from gateway.lib.unit_of_work import unit_of_work
from gateway.runs import services as runs
from gateway.runs.models import Run
from gateway.runs.states import FINAL
from gateway.tenants import services as tenants
from gateway.tenants.models import ApiKey, Environment, Tenant, User
from gateway.tenants.principals import Principal
from webhooks import services as webhooks
from webhooks.models import Source

CHANGE = "tenants.change_environment"
REASON = "The demo was removed."


def remove(*, tenant: Tenant, by: Principal) -> None:
    """End the demo in one transaction: runs, requests, sources, agents, keys, members, samples.

    Raises Denied, or Refused for any other tenant than the demo's.
    """
    with unit_of_work(
        attempt=AuditAction.DEMO_REMOVED,
        target=Target("tenant", tenant.public_id),
        scope=tenant.audit_scope,
    ):
        if tenant.slug != cast.TENANT:
            raise Refused("not_the_demo", "Only the demo can be removed so.")
        if not by.has(CHANGE):
            raise Denied("not_permitted", "Removing the demo is for its admins.")
        for environment in tenant.environments.select_related("tenant"):
            _end(environment, by)
        audit.record(
            AuditAction.DEMO_REMOVED,
            target=Target("tenant", tenant.public_id),
            scope=tenant.audit_scope,
            actor=by.actor,
        )
        _say_goodbye(tenant)
        transaction.on_commit(_remember)


def _end(environment: Environment, by: Principal) -> None:
    for run in Run.objects.within(environment).exclude(status__in=FINAL):
        runs.cancel(run=run, by=by, reason=REASON)
    for action in Action.objects.within(environment).filter(status=ActionStatus.PENDING):
        approvals.cancel(action=action, by=by, reason=REASON)
    for source in Source.objects.within(environment).filter(is_enabled=True):
        webhooks.update_source(source, is_enabled=False)
    for agent in Agent.objects.within(environment).filter(is_enabled=True):
        agents.update(agent, is_enabled=False)
    for key in ApiKey.objects.within(environment).filter(revoked_at=None):
        agents.revoke_api_key(key)
    Hour.objects.within(environment).filter(is_sample=True).delete()


def _say_goodbye(tenant: Tenant) -> None:
    """Nobody signs in as one of the cast any more; whoever was invited besides stays."""
    cast_ = [person.email for person in cast.PEOPLE]
    for user in User.objects.filter(email__in=cast_, memberships__tenant=tenant):
        user.set_unusable_password()
        user.save()
        tenants.password_changed(user)


def _remember() -> None:
    remembered = kept.read()
    remembered.passwords, remembered.agent_api_key, remembered.is_removed = {}, "", True
    kept.write(remembered)
