"""Pages of people, of an environment's settings, and of a person's own account."""

from gateway.tenants.views.doors import PasskeyDoor, SecondStep, SignInPage, password_reset
from gateway.tenants.views.factors import (
    AddApp,
    AddPasskey,
    MakeRecoveryCodes,
    RecoveryCodes,
    RemoveApp,
    RemovePasskey,
    RenamePasskey,
    Security,
)
from gateway.tenants.views.people import (
    accept,
    add_group,
    change,
    deactivate,
    environment,
    invite,
    members,
    revoke,
)
from gateway.tenants.views.preferences import keys, preferences
from gateway.tenants.views.proofs import ProveByCode, ProveByPasskey, ProveByPassword
from gateway.tenants.views.sign_ins import end_other_sign_ins, end_sign_in, sign_ins

__all__ = [
    "AddApp",
    "AddPasskey",
    "MakeRecoveryCodes",
    "PasskeyDoor",
    "ProveByCode",
    "ProveByPasskey",
    "ProveByPassword",
    "RecoveryCodes",
    "RemoveApp",
    "RemovePasskey",
    "RenamePasskey",
    "SecondStep",
    "Security",
    "SignInPage",
    "accept",
    "add_group",
    "change",
    "deactivate",
    "end_other_sign_ins",
    "end_sign_in",
    "environment",
    "invite",
    "members",
    "password_reset",
    "keys",
    "preferences",
    "revoke",
    "sign_ins",
]
