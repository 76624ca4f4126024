"""What is kept about customers, their people and their keys."""

from django.db.models import Q
from django.db.models.functions import Now

from audit.kept import Kept

MEMBERS, ADMINS = "members of the tenant", "admins of the tenant"
FOR_THE_ACCOUNT = "until the person is erased"

KEPT = (
    Kept("tenants.Tenant", "the organisation's name and time zone", MEMBERS),
    Kept("tenants.Environment", "names, region, word lists and own domains", MEMBERS),
    Kept(
        "tenants.User",
        "a person's name, e-mail address, password hash and how they like the desk",
        MEMBERS,
        stays=FOR_THE_ACCOUNT,
    ),
    Kept(
        "tenants.SignIn",
        "browsers in which a person is signed in: address, and how the browser names itself",
        "that person",
        days="KEEP_SIGN_INS_DAYS",
        since="last_seen_at",
        deletes=True,
    ),
    Kept(
        "tenants.Challenge",
        "which digest a person was about to sign with a passkey",
        "nobody",
        days="KEEP_ANSWERS_DAYS",
        since="created_at",
        deletes=True,
    ),
    Kept("tenants.Member", "that a person belongs to a tenant, and until when", MEMBERS),
    Kept("tenants.MemberRole", "a member's roles", MEMBERS),
    Kept("tenants.Group", "named sets of members", MEMBERS),
    Kept("tenants.ApiKey", "a key's name, first characters and digest, and who made it", ADMINS),
    Kept(
        "tenants.Invitation",
        "the address that was invited, and by whom",
        ADMINS,
        personal={"email": ""},
        tenant="tenant",
        closed=Q(accepted_at__isnull=False) | Q(revoked_at__isnull=False) | Q(expires_at__lt=Now()),
        days="KEEP_INVITATIONS_DAYS",
        since="expires_at",
    ),
    Kept(
        "tenants.IdempotencyKey",
        "the answer to a creating call, for its repetition",
        "the key that called",
        personal={"answer": None},
        tenant="environment__tenant",
        closed=Q(status__isnull=False),
        days="KEEP_ANSWERS_DAYS",
        since="created_at",
        deletes=True,
    ),
    Kept(
        "tenants.SubjectKey",
        "the sealed key under which the log holds a person's name and address",
        "nobody",
        stays="until the person is erased; then when that was",
    ),
)
