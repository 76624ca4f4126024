"""Every write of tenants, environments, people, groups and invitations."""

from gateway.tenants.services.arrivals import Claims, arrive
from gateway.tenants.services.bootstrapping import Bootstrapped, bootstrap
from gateway.tenants.services.factors import (
    copied_passkey,
    factor_added,
    factor_kinds,
    factor_removed,
    has_passkey,
    is_demanded,
    is_owed,
    proves,
    recovery_codes_made,
    step_up_by,
    take_code,
    take_counter,
)
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
from gateway.tenants.services.passkeys import ask_passkey, origin, public_key_of, take_answer
from gateway.tenants.services.places import (
    change_environment,
    check_region,
    create_environment,
    create_tenant,
)
from gateway.tenants.services.preferences import change_preferences
from gateway.tenants.services.sessions import password_changed, signed_in, signed_out, stepped_up
from gateway.tenants.services.sign_ins import (
    end_other_sign_ins,
    end_sign_in,
    open_sign_ins,
    seen,
)

__all__ = [
    "Bootstrapped",
    "Claims",
    "accept_invitation",
    "add_member",
    "arrive",
    "ask_passkey",
    "bootstrap",
    "change_environment",
    "change_member",
    "change_preferences",
    "check_region",
    "copied_passkey",
    "create_environment",
    "create_group",
    "create_tenant",
    "create_user",
    "deactivate_member",
    "end_other_sign_ins",
    "end_sign_in",
    "factor_added",
    "factor_kinds",
    "factor_removed",
    "find_member",
    "has_passkey",
    "invite",
    "is_demanded",
    "is_owed",
    "open_invitation",
    "open_sign_ins",
    "origin",
    "password_changed",
    "proves",
    "public_key_of",
    "recovery_codes_made",
    "revoke_invitation",
    "seen",
    "set_group_members",
    "set_roles",
    "signed_in",
    "signed_out",
    "step_up_by",
    "stepped_up",
    "take_answer",
    "take_code",
    "take_counter",
]
