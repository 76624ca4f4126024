"""What the project itself and Django's own tables keep."""

from audit.kept import Kept

NOBODY = "nobody"

KEPT = (
    Kept("gateway.Lease", "which process may do what only one may", NOBODY),
    Kept(
        "sessions.Session",
        "who is signed in in a browser",
        NOBODY,
        days="KEEP_SESSIONS_DAYS",
        since="expire_date",
        deletes=True,
    ),
    Kept("contenttypes.ContentType", "names of tables", NOBODY),
    Kept("auth.Permission", "Django's own list of permissions; not used", NOBODY),
    Kept("auth.Group", "not used", NOBODY),
    Kept("account.EmailAddress", "not used", NOBODY),
    Kept("account.EmailConfirmation", "not used", NOBODY),
    Kept(
        "mfa.Authenticator",
        "a person's second factors: sealed secrets, public keys of passkeys",
        "that person, the names only",
        stays="until it is removed or the person is erased",
    ),
    Kept(
        "socialaccount.SocialAccount",
        "which account of the identity provider is whose",
        NOBODY,
        stays="until the person is erased",
    ),
    Kept("socialaccount.SocialApp", "not used: the provider is named by the environment", NOBODY),
    Kept("socialaccount.SocialToken", "not used: no token is stored", NOBODY),
    Kept("admin.LogEntry", "not used: the admin changes nothing", NOBODY),
)
