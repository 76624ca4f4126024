"""In whose name tools are called."""

from django.db import IntegrityError, transaction

from gateway.agents.models import Agent
from gateway.agents.services.agents import create
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment
from gateway.tenants.principals import Principal
from gateway.tenants.roles import MACHINE

PEOPLE = "people"


def agent_of_principal(by: Principal) -> Agent:
    """The agent in whose name this principal calls tools.

    A machine has its own. People share one of the environment, which may propose every tool: who of
    them asked stands in the request.
    """
    if by.agent_id is not None:
        return Agent.objects.within(by.environment).get(pk=by.agent_id)
    found = Agent.objects.within(by.environment).filter(slug=PEOPLE).first()
    return found or _agent_of_people(by.environment)


def _agent_of_people(environment: Environment) -> Agent:
    try:
        with transaction.atomic():
            return create(environment, slug=PEOPLE, name="People, by API")
    except (IntegrityError, Refused):
        # Another call was faster.
        return Agent.objects.within(environment).get(slug=PEOPLE)


def principal_of_agent(agent: Agent, *, kind: str = "agent", id: str = "") -> Principal:
    """The agent as requester: its owner is the person behind it."""
    return Principal(
        kind,
        id or agent.public_id,
        agent.slug,
        agent.environment,
        agent_id=agent.pk,
        owner_id=agent.owner.user_id if agent.owner else None,
        permissions=MACHINE,
    )
