from gateway.tenants.models.access import ApiKey, IdempotencyKey, Invitation
from gateway.tenants.models.people import Group, Member, MemberRole, User
from gateway.tenants.models.places import Environment, Tenant
from gateway.tenants.models.sessions import Challenge, SignIn
from gateway.tenants.models.subjects import SubjectKey

__all__ = [
    "ApiKey",
    "Challenge",
    "Environment",
    "Group",
    "IdempotencyKey",
    "Invitation",
    "Member",
    "MemberRole",
    "SignIn",
    "SubjectKey",
    "Tenant",
    "User",
]
