"""Every HTML address. The desk lives under `/{tenant}/{environment}/`, fixed names come first."""

from allauth.account import views as account
from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.urls import (
    URLPattern,
    URLResolver,
    converters,
    include,
    path,
    re_path,
    register_converter,
)
from django.views.generic import RedirectView

from gateway.board import views as board
from gateway.desk import errors, finding, presence
from gateway.desk import views as desk
from gateway.tenants import sso
from gateway.tenants import views as tenants
from webhooks.chats import receive_press
from webhooks.ingest.direct import receive

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler429 = errors.too_many
handler500 = errors.broken

ACCOUNT = [
    path("login/", tenants.SignInPage.as_view(), name="account_login"),
    path("sso/login/", sso.sign_in, {"provider_id": sso.PROVIDER}, name="openid_connect_login"),
    path(
        "sso/callback/",
        sso.come_back,
        {"provider_id": sso.PROVIDER},
        name="openid_connect_callback",
    ),
    path("logout/", account.logout, name="account_logout"),
    path("reauthenticate/", tenants.ProveByPassword.as_view(), name="account_reauthenticate"),
    path("sessions/", tenants.sign_ins, name="account_sessions"),
    path("sessions/end-others/", tenants.end_other_sign_ins, name="account_end_others"),
    path("sessions/<slug:sign_in>/end/", tenants.end_sign_in, name="account_end_session"),
    path("preferences/", tenants.preferences, name="account_preferences"),
    path("preferences/keys/", tenants.keys, name="account_keys"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    # Nobody signs up: the adapter closes this page, but sign-in names it.
    path("signup/", account.signup, name="account_signup"),
    # One address per person, changed by an administrator: allauth's page for it is not offered.
    path("email/", RedirectView.as_view(url="/"), name="account_email"),
    path("password/change/", account.password_change, name="account_change_password"),
    # Whom an organisation's own sign-in lets in has no password, and gets none.
    path(
        "password/set/", RedirectView.as_view(pattern_name="mfa_index"), name="account_set_password"
    ),
    path("password/reset/", tenants.password_reset, name="account_reset_password"),
    path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("invitations/<str:secret>/", tenants.accept, name="invitation"),
]


FACTORS = [
    path("", tenants.Security.as_view(), name="mfa_index"),
    path("second-step/", tenants.SecondStep.as_view(), name="mfa_authenticate"),
    path("by-code/", tenants.ProveByCode.as_view(), name="mfa_reauthenticate"),
    path("by-passkey/", tenants.ProveByPasskey.as_view(), name="mfa_reauthenticate_webauthn"),
    path("app/add/", tenants.AddApp.as_view(), name="mfa_activate_totp"),
    path("app/remove/", tenants.RemoveApp.as_view(), name="mfa_deactivate_totp"),
    path("passkeys/sign-in/", tenants.PasskeyDoor.as_view(), name="mfa_login_webauthn"),
    path("passkeys/add/", tenants.AddPasskey.as_view(), name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/remove/", tenants.RemovePasskey.as_view(), name="mfa_remove_webauthn"),
    path("passkeys/<int:pk>/rename/", tenants.RenamePasskey.as_view(), name="mfa_edit_webauthn"),
    path("codes/", tenants.RecoveryCodes.as_view(), name="mfa_view_recovery_codes"),
    path("codes/make/", tenants.MakeRecoveryCodes.as_view(), name="mfa_generate_recovery_codes"),
]


class TenantConverter(converters.SlugConverter):
    """A tenant's slug: never a name that another part of the service answers to."""

    regex = (
        r"(?!(?:accounts|admin|api|chats|healthz|mcp|metrics|readyz|static|webhooks|welcome|ws)/)"
        r"[-a-zA-Z0-9_]+"
    )


register_converter(TenantConverter, "tenant")
PLACE = "<tenant:tenant>/<slug:environment>/"
DESK: list[URLPattern | URLResolver] = [
    path("", include("approvals.urls")),
    path("runs/", include("gateway.runs.urls")),
    path("tools/", include("gateway.tools.urls")),
    path("agents/", include("gateway.agents.urls")),
    path("budgets/", include("gateway.budgets.urls")),
    path("connections/", include("gateway.connections.urls")),
    path("notices/", include("gateway.notices.urls")),
    path("audit/", include("gateway.desk.urls")),
    path("", include("gateway.board.urls")),
    path("", include("gateway.demo.urls")),
    path("find/", finding.find, name="find"),
    path("presence/", presence.who, name="presence"),
    path("presence/<slug:action>/", presence.sign, name="presence_sign"),
    path("", include("gateway.tenants.urls")),
    path("", include("webhooks.urls")),
]

admin.autodiscover()
urlpatterns = [
    path("", desk.home, name="home"),
    # Browsers ask for it where a page names no icon, such as the admin's.
    path("favicon.ico", RedirectView.as_view(url=static("img/mark.svg")), name="favicon"),
    path("sw.js", desk.service_worker, name="service_worker"),
    path("accounts/", include(ACCOUNT)),
    path("welcome/", board.first, name="first_run"),
    path("accounts/security/", include(FACTORS)),
    path("api/", include("gateway.api")),
    # Under daphne and uvicorn the intake in front of Django answers; this is for other servers.
    path("webhooks/<path:address>", receive),
    path("chats/<slug:kind>/<slug:address>", receive_press),
    path(settings.ADMIN_PATH, admin.site.urls),
    path(PLACE, include(DESK)),
]
