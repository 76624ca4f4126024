"""Seeding the demo: whatever is missing is made by the same services that everybody uses."""

import base64
import secrets
from dataclasses import dataclass

import structlog
from django.db import transaction

from approvals import services as approvals
from approvals.models import Action, Policy
from approvals.states import ActionStatus
from audit import context
from gateway.agents import services as agents
from gateway.agents.models import Agent, Provider
from gateway.budgets import services as budgets
from gateway.budgets.models import Budget
from gateway.connections import services as connections
from gateway.connections.models import Connection
from gateway.demo import cast, examples, kept, metrics, shop
from gateway.demo.kept import Kept
from gateway.demo.seeded import DemoService, Login, Seeded
from gateway.demo.store import Store
from gateway.lib import sealing
from gateway.lib.errors import DomainError
from gateway.runs import services as runs
from gateway.runs.models import Run
from gateway.runs.states import FINAL
from gateway.tenants import principals
from gateway.tenants import services as tenants
from gateway.tenants.models import Environment, Member, Tenant, User
from gateway.tools import services as tools
from gateway.tools.models import Tool
from tests.factories.tools import shop_tools
from webhooks import services as webhooks
from webhooks.models import Effect, Source
from webhooks.services import NewRoute, NewSecret

log = structlog.get_logger(__name__)
PASSWORD_BYTES = 9
SECRET_BYTES = 24


@dataclass(frozen=True)
class _Place:
    """What the parts of the demo are made in and with."""

    sandbox: Environment
    service_url: str
    is_reload: bool


def seed(*, service_port: int, public_url: str, web_url: str, is_reload: bool = False) -> Seeded:
    """Make what the demo lacks and start its first run; repeating it changes nothing.

    The service is reached at `service_port` of the loopback, and sends its webhooks to `web_url`.
    With `is_reload`, people's roles, tools and rules get their first form back.
    """
    remembered = kept.read()
    with transaction.atomic():
        tenant = _tenant()
        sandbox = tenant.environments.select_related("tenant").get(slug="sandbox")
        # What was removed is switched on again, as a reload would.
        is_reload = is_reload or remembered.is_removed
        place = _Place(sandbox, f"http://127.0.0.1:{service_port}", is_reload)
        tenants.change_environment(sandbox, own_domains=[cast.OWN_DOMAIN])
        logins = tuple(_login(tenant, person, remembered, place) for person in cast.PEOPLE)
        provider = _provider(place)
        key = agents.reveal_api_key(provider)
        _tools(place, _connection(place, key))
        _policy(place)
        agent = _agent(place, provider, remembered)
        _budgets(place)
        own = _source(place, cast.SOURCE, provider=provider)
        open_ = _source(place, cast.OPEN_SOURCE, routes=(_ticket_route(agent),))
    remembered.service_port, remembered.public_url = service_port, public_url
    remembered.web_url = web_url
    remembered.webhook_url = f"{public_url}/webhooks/{open_.address}"
    remembered.webhook_secret = _secret_of(open_)
    remembered.is_removed = False
    kept.write(remembered)
    metrics.show(sandbox)
    if not Run.objects.within(sandbox).exists():
        start_story()
        examples.show(sandbox, agent)
    return Seeded(
        logins=logins,
        webhook_url=remembered.webhook_url,
        webhook_secret=remembered.webhook_secret,
        service=DemoService(
            port=service_port,
            webhook_url=f"{web_url}/webhooks/{own.address}",
            webhook_secret=_secret_of(own),
            api_key=key,
        ),
    )


def start_story() -> Run:
    """Let the agent answer its ticket once more."""
    agent = Agent.objects.select_related("environment__tenant", "provider").get(
        environment__tenant__slug=cast.TENANT, environment__slug="sandbox", slug=cast.AGENT
    )
    with context.bind(correlation_id=context.new_correlation_id()):
        return runs.start(
            agent.environment, agent=agent, provider=agent.provider, task=cast.TASK,
            tags=cast.TAGS, by=principals.system(agent.environment),
        )  # fmt: skip


def reload(*, service_port: int, public_url: str, web_url: str) -> Seeded:
    """Begin again: withdraw what is open, take the refunds back, restore the rules, start a run.

    What happened stays in the lists and in the audit log: evidence is never removed.
    """
    seeded = seed(service_port=service_port, public_url=public_url, web_url=web_url, is_reload=True)
    _withdraw()
    _take_refunds_back()
    start_story()
    return seeded


def _tenant() -> Tenant:
    found = Tenant.objects.filter(slug=cast.TENANT).first()
    return found or tenants.create_tenant(cast.TENANT_NAME, cast.TENANT, time_zone=cast.TIME_ZONE)


def _login(tenant: Tenant, person: cast.Person, remembered: Kept, place: _Place) -> Login:
    user = User.objects.filter(email=person.email).first()
    password = remembered.passwords.get(person.email) or secrets.token_urlsafe(PASSWORD_BYTES)
    if user is None:
        user = tenants.create_user(person.email, name=person.name, password=password, tenant=tenant)
    elif person.email not in remembered.passwords or (
        place.is_reload and not user.check_password(password)
    ):
        user.set_password(password)
        user.save()
        tenants.password_changed(user)
    remembered.passwords[person.email] = password
    _standing(tenant, user, person, place)
    return Login(person.email, password, person.says)


def _standing(tenant: Tenant, user: User, person: cast.Person, place: _Place) -> None:
    roles = {environment.slug: list(person.roles) for environment in tenant.environments.all()}
    by = principals.system(place.sandbox)
    member = Member.objects.filter(tenant=tenant, user=user).first()
    if member is None or (place.is_reload and not member.is_active):
        tenants.add_member(tenant, user, roles=roles, by=by)
    elif place.is_reload:
        tenants.change_member(member=member, roles=roles, by=by)


def _provider(place: _Place) -> Provider:
    found = Provider.objects.within(place.sandbox).filter(slug=cast.PROVIDER).first()
    if found is None:
        return agents.create_provider(
            place.sandbox, slug=cast.PROVIDER, adapter="generic", base_url=place.service_url,
            api_key=secrets.token_urlsafe(SECRET_BYTES),
        )  # fmt: skip
    if found.base_url != place.service_url:
        agents.move_provider(found, base_url=place.service_url)
    return found


def _connection(place: _Place, key: str) -> Connection:
    found = Connection.objects.within(place.sandbox).filter(slug=cast.CONNECTION).first()
    return found or connections.create(
        place.sandbox,
        slug=cast.CONNECTION,
        kind="bearer",
        value=key,
        name="The demo's shop",
        rotate_after_days=90,
    )


def _tools(place: _Place, connection: Connection) -> None:
    for definition in shop_tools(place.service_url):
        tool = Tool.objects.within(place.sandbox).filter(name=definition["name"]).first()
        known = tool.current.config if tool and tool.current else None
        if place.is_reload or known != definition["config"]:
            tools.save(place.sandbox, connection=connection, **definition)


def _policy(place: _Place) -> None:
    exists = Policy.objects.within(place.sandbox).filter(name=cast.POLICY).exists()
    if place.is_reload or not exists:
        approvals.save_policy(
            place.sandbox, name=cast.POLICY, rules=cast.RULES, comment=cast.POLICY_COMMENT,
            tests=cast.POLICY_TESTS,
        )  # fmt: skip
        approvals.try_version(
            place.sandbox, name=cast.POLICY, rules=cast.TRIAL_RULES, comment=cast.TRIAL_COMMENT,
            rollout=approvals.Rollout(),
        )  # fmt: skip


def _agent(place: _Place, provider: Provider, remembered: Kept) -> Agent:
    agent = Agent.objects.within(place.sandbox).filter(slug=cast.AGENT).first()
    if agent is None:
        owner = Member.objects.get(tenant=place.sandbox.tenant, user__email=cast.OWNER.email)
        names = [definition["name"] for definition in shop_tools(place.service_url)]
        agent = agents.create(
            place.sandbox, slug=cast.AGENT, name=cast.AGENT_NAME, owner=owner, provider=provider,
            tools=[{"name": name} for name in names], caps=cast.CAPS,
        )  # fmt: skip
        remembered.agent_api_key = ""
    elif place.is_reload:
        agent = agents.update(agent, is_enabled=True)
    if not remembered.agent_api_key:
        _, remembered.agent_api_key = agents.create_api_key(
            place.sandbox, name="demo", agent=agent,
            by=User.objects.get(email=cast.OWNER.email),
        )  # fmt: skip
    return agent


def _budgets(place: _Place) -> None:
    known = set(Budget.objects.within(place.sandbox).values_list("name", flat=True))
    for budget in cast.BUDGETS:
        if budget["name"] not in known:
            budgets.create(place.sandbox, by=principals.system(place.sandbox), **budget)


def _source(
    place: _Place,
    slug: str,
    *,
    provider: Provider | None = None,
    routes: tuple[NewRoute, ...] = (),
) -> Source:
    found = Source.objects.within(place.sandbox).filter(slug=slug).first()
    if found is not None:
        return webhooks.update_source(found, is_enabled=True) if place.is_reload else found
    raw = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    return webhooks.create_source(
        place.sandbox, scheme="standard", slug=slug, name=slug.replace("-", " ").capitalize(),
        secrets=[NewSecret(f"whsec_{raw}")], provider=provider, routes=routes,
        by=User.objects.get(email=cast.OWNER.email),
    )  # fmt: skip


def _ticket_route(agent: Agent) -> NewRoute:
    return NewRoute(
        name=cast.TICKET_ROUTE, effect=Effect.ACTION.value, when=cast.TICKET_WHEN, agent=agent,
        tool="create_support_ticket", arguments=cast.TICKET_ARGUMENTS,
    )  # fmt: skip


def _secret_of(source: Source) -> str:
    """The newest secret; only the demo tells one again, to its own service and its visitors."""
    newest = source.secrets.order_by("-created_at").first()
    if newest is None:
        raise LookupError(f"The source {source.slug} has no secret any more.")
    return sealing.unseal(newest.sealed, **newest.place(source))


def _withdraw() -> None:
    sandbox = Environment.objects.select_related("tenant").get(
        tenant__slug=cast.TENANT, slug="sandbox"
    )
    by = principals.of_user(User.objects.get(email=cast.ANA.email), sandbox)
    for run in Run.objects.within(sandbox).exclude(status__in=FINAL):
        runs.cancel(run=run, by=by, reason="The demo begins again.")
    waiting = Action.objects.within(sandbox).filter(status=ActionStatus.PENDING)
    for action in waiting:
        try:
            approvals.cancel(action=action, by=by, reason="The demo begins again.")
        except DomainError as error:
            # Decided in this very moment: then it takes its way.
            log.info("demo_action_stays", action=action.public_id, reason=error.code)


def _take_refunds_back() -> None:
    """The order is whole again, in the file that a running shop reads as well."""
    store = Store(kept.path().parent / "demo")
    with store.transaction() as documents:
        documents.put("order", str(shop.ORDER["id"]), shop.ORDER)
    store.close()
