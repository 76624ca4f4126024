"""The people every view meets: who may, who may not, and a stranger; and a ready environment."""

from dataclasses import dataclass

from gateway.tenants.models import Environment, Member, User
from gateway.tenants.principals import Principal, of_user
from gateway.tenants.roles import Role
from tests.factories.tenants import EnvironmentFactory, MemberFactory, TenantFactory


@dataclass(frozen=True)
class People:
    """An environment and one person for each role in it.

    `may` decides (a reviewer), `may_not` only looks (a viewer). `owner` owns machines and is a
    reviewer as well. `stranger` is admin of another tenant, whose environment is `elsewhere`.
    """

    environment: Environment
    elsewhere: Environment
    may: User
    may_not: User
    second: User
    owner: User
    admin: User
    operator: User
    auditor: User
    stranger: User

    def principal(self, user: User) -> Principal:
        """The person as services want it, signed in to this environment."""
        return of_user(user, self.environment)

    def member(self, user: User) -> Member:
        """The person's membership in this environment's tenant."""
        return Member.objects.get(tenant=self.environment.tenant, user=user)


def ready(*, kind: str = Environment.Kind.SANDBOX) -> People:
    """A tenant with one environment, somebody in each role, and a second tenant beside it."""
    environment = _environment(kind)
    elsewhere = _environment(kind)
    return People(
        environment=environment,
        elsewhere=elsewhere,
        may=person(environment, Role.REVIEWER),
        may_not=person(environment, Role.VIEWER),
        second=person(environment, Role.REVIEWER),
        owner=person(environment, Role.REVIEWER),
        admin=person(environment, Role.ADMIN),
        operator=person(environment, Role.OPERATOR),
        auditor=person(environment, Role.AUDITOR),
        stranger=person(elsewhere, Role.ADMIN),
    )


def person(environment: Environment, *roles: str) -> User:
    """A new member of the environment's tenant with these roles there."""
    return MemberFactory(tenant=environment.tenant, roles={environment: roles}).user


def _environment(kind: str) -> Environment:
    return EnvironmentFactory(tenant=TenantFactory(), slug=str(kind), kind=kind)
