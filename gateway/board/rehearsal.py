"""What the wizard makes so that a first webhook leads to a first decision: nothing leaves here.

A source whose every event proposes one call of a tool that only gives its words back. It is made by
the system, not by the person who asked for it: nobody is its requester or owner, so that a first
administrator who is alone may approve what comes of it.
"""

from dataclasses import dataclass, field

from django.db import transaction

from gateway.agents import services as agents
from gateway.agents.models import Agent
from gateway.lib.errors import Conflict
from gateway.tenants.models import ApiKey, Environment, User
from gateway.tools import services as tools
from webhooks import samples
from webhooks import services as webhooks
from webhooks.models import Effect, Source
from webhooks.schemes.catalogue import SCHEMES
from webhooks.services import NewRoute, Tested

SCHEME = "standard"
SOURCE, AGENT, TOOL = "first-source", "first-agent", "rehearsal_note"
SCHEMA = {
    "type": "object",
    "properties": {"note": {"type": "string", "maxLength": 200}},
    "required": ["note"],
    "additionalProperties": False,
}
NOTE = '"Hello from the first webhook"'


@dataclass(frozen=True)
class Made:
    """The source and its secret, which is shown this once."""

    source: Source
    secret: str = field(repr=False)


@transaction.atomic
def make(environment: Environment) -> Made:
    """A source, a tool and an agent to try everything with. Raises Conflict where they exist."""
    if source_of(environment) is not None:
        raise Conflict("exists", "There is a first source already.")
    agent = agent_of(environment) or agents.create(
        environment, slug=AGENT, name="First agent", tools=[{"name": TOOL}]
    )
    _tool(environment)
    secret = webhooks.generate(SCHEMES[SCHEME])
    route = NewRoute(
        name="every event proposes a note", effect=Effect.ACTION.value, when="true", agent=agent,
        tool=TOOL, arguments={"note": NOTE},
    )  # fmt: skip
    source = webhooks.create_source(
        environment, scheme=SCHEME, name="First source", secrets=[secret], routes=[route],
        slug=SOURCE,
    )  # fmt: skip
    return Made(source, secret.value)


def send(source: Source) -> Tested:
    """A test event through the source's own door. Raises Refused where it has no live secret."""
    return webhooks.send_test(source, samples.sample_of(source.scheme, ""))


@transaction.atomic
def key_for(environment: Environment, *, by: User) -> tuple[ApiKey, str]:
    """A key of the first agent, which is made where there is none; `by` sees its secret once."""
    agent = agent_of(environment) or agents.create(
        environment, slug=AGENT, name="First agent", tools=[{"name": TOOL}]
    )
    _tool(environment)
    return agents.create_api_key(environment, name="first key", agent=agent, by=by)


def _tool(environment: Environment) -> None:
    """What the wizard's examples call; nothing happens where it is there already."""
    tools.save(
        environment, name=TOOL, connector="fake", operation="echo", side_effect="write",
        risk="low", retry_class="unsafe", input_schema=SCHEMA,
        effect="Write the note “{{ note }}”: a rehearsal, nothing leaves Countersign",
        config={"before": {"note": None}},
    )  # fmt: skip


def source_of(environment: Environment) -> Source | None:
    """The first source, where it was made and is not archived."""
    rows = Source.objects.within(environment).filter(slug=SOURCE, archived_at=None)
    found: Source | None = rows.first()
    return found


def agent_of(environment: Environment) -> Agent | None:
    """The first agent."""
    found: Agent | None = Agent.objects.within(environment).filter(slug=AGENT).first()
    return found
