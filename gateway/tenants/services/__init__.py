"""Every write of tenants, environments, people, groups and invitations."""

from gateway.tenants.services.bootstrapping import Bootstrapped, bootstrap
from gateway.tenants.services.groups import create_group, set_group_members
from gateway.tenants.services.invitations import (
    accept_invitation,
    invite,
    open_invitation,
    revoke_invitation,
)
from gateway.tenants.services.members import (
    add_member,
    change_member,
    create_user,
    deactivate_member,
    find_member,
    set_roles,
)
from gateway.tenants.services.places import (
    change_environment,
    check_region,
    create_environment,
    create_tenant,
)
from gateway.tenants.services.sessions import password_changed, signed_in, signed_out, stepped_up

__all__ = [
    "Bootstrapped",
    "accept_invitation",
    "add_member",
    "bootstrap",
    "change_environment",
    "change_member",
    "check_region",
    "create_environment",
    "create_group",
    "create_tenant",
    "create_user",
    "deactivate_member",
    "find_member",
    "invite",
    "open_invitation",
    "password_changed",
    "revoke_invitation",
    "set_group_members",
    "set_roles",
    "signed_in",
    "signed_out",
    "stepped_up",
]
