"""All settings, each through a typed reader of `env.py`; README lists each name once."""

import sqlite3
import sys
from pathlib import Path
from urllib.parse import urlsplit

from gateway import env, logs
from gateway.embedded.place import socket_path
from gateway.lib import failpoints

BASE_DIR = Path(__file__).resolve().parent.parent
ENV = env.choice("COUNTERSIGN_ENV", "dev", of=("dev", "production"))
PRODUCTION = ENV == "production"
DATA_DIR = Path(env.text("COUNTERSIGN_DATA_DIR", str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
KEY_DIR = DATA_DIR / "keys"
if PRODUCTION and env.text(failpoints.VARIABLE, ""):
    raise env.BadSetting(f"{failpoints.VARIABLE} is for tests only: it lets processes die.")
# SQLite files that connections may name lie here, and nowhere else.
SQLITE_DIR = Path(env.text("COUNTERSIGN_SQLITE_DIR", str(DATA_DIR / "databases")))
CONNECTION_DIR = Path(env.text("COUNTERSIGN_CONNECTION_DIR", str(DATA_DIR / "connections")))


def _key(name: str) -> str:
    return env.kept_secret(name, KEY_DIR, generate=env.random_key, required=PRODUCTION)


SECRET_KEY = _key("COUNTERSIGN_SECRET_KEY")
ENCRYPTION_KEYS = [key.strip() for key in _key("COUNTERSIGN_ENCRYPTION_KEYS").split(",")]
# Only processes that let people decide hold the signing key; workers verify (DESIGN §6).
APPROVAL_SIGNING_KEY = _key("COUNTERSIGN_APPROVAL_SIGNING_KEY")
APPROVAL_VERIFY_KEY = env.text("COUNTERSIGN_APPROVAL_VERIFY_KEY", "")
# Only the scheduler holds it; its public half and what it signed are kept in the folder below.
AUDIT_SIGNING_KEY = _key("COUNTERSIGN_AUDIT_SIGNING_KEY")
AUDIT_DIR = DATA_DIR / "audit"
# What push services know this deployment by; without one no browser is told.
PUSH_KEY = env.push_key("COUNTERSIGN_PUSH_KEY", KEY_DIR, is_made=not PRODUCTION)
# Where checkpoints and records go besides: https:, file: and, for checkpoints, mailto:.
AUDIT_CUSTODIANS = env.items("COUNTERSIGN_AUDIT_CUSTODIANS")
AUDIT_EXPORT_TO = env.items("COUNTERSIGN_AUDIT_EXPORT_TO")
AUDIT_OUTLET_TOKEN = env.text("COUNTERSIGN_AUDIT_OUTLET_TOKEN", "")

# Which kind of process this is; `up` and the worker set it.
PROCESS = env.text("COUNTERSIGN_PROCESS", "manage")
DEBUG = False
PUBLIC_URL = env.text("COUNTERSIGN_PUBLIC_URL", "http://localhost:8000").rstrip("/")
_public = urlsplit(PUBLIC_URL)
IS_HTTPS = _public.scheme == "https"
ALLOWED_HOSTS = env.items(
    "COUNTERSIGN_ALLOWED_HOSTS",
    f"{_public.hostname},localhost,127.0.0.1,[::1]" if not PRODUCTION else str(_public.hostname),
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
TRUSTED_PROXIES = env.number("COUNTERSIGN_TRUSTED_PROXIES", 0)
OUTBOUND_ALLOW = env.items("COUNTERSIGN_OUTBOUND_ALLOW")
# Classes of the deployment's own connectors, as dotted paths: docs/connectors.md.
CONNECTORS = env.items("COUNTERSIGN_CONNECTORS")
MAX_BODY_BYTES = env.number("COUNTERSIGN_MAX_BODY_BYTES", 1024 * 1024, at_least=1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
# Arguments longer than this are never put before a person, who could not read them; 0 is no limit.
REVIEW_MAX_BYTES = env.number("COUNTERSIGN_REVIEW_MAX_BYTES", 64 * 1024, at_least=0)
# How long things stay, in days; 0 is for ever. docs/privacy.md says what each is about.
KEEP_EVENTS_DAYS = env.number("COUNTERSIGN_KEEP_EVENTS_DAYS", 90, at_least=0)
KEEP_ACTIONS_DAYS = env.number("COUNTERSIGN_KEEP_ACTIONS_DAYS", 400, at_least=0)
KEEP_RUNS_DAYS = env.number("COUNTERSIGN_KEEP_RUNS_DAYS", 400, at_least=0)
KEEP_REFUSALS_DAYS = env.number("COUNTERSIGN_KEEP_REFUSALS_DAYS", 400, at_least=0)
KEEP_INVITATIONS_DAYS = env.number("COUNTERSIGN_KEEP_INVITATIONS_DAYS", 90, at_least=0)
KEEP_ANSWERS_DAYS = KEEP_SESSIONS_DAYS = 1
# A session that nobody used for so long has run out: Django's own cookies last two weeks.
KEEP_SIGN_INS_DAYS = 15
ADMIN_PATH = env.text("COUNTERSIGN_ADMIN_PATH", "admin/").strip("/") + "/"
LOG_LEVEL = env.choice("COUNTERSIGN_LOG_LEVEL", "info", of=("debug", "info", "warning", "error"))

LOGGING = logs.configure(LOG_LEVEL)

INSTALLED_APPS = [
    # Its only part as an app is `runserver`; importing Twisted costs every other process 22 MB.
    *(["daphne"] if "runserver" in sys.argv[:2] else []),
    # The Django admin, read only: see gateway/desk/adminsite.py.
    "gateway.desk.apps.RecordsConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "channels",
    "gateway",
    "gateway.tenants",
    "gateway.connections",
    "gateway.tools",
    "gateway.agents",
    "gateway.budgets",
    "gateway.runs",
    "gateway.notices",
    "gateway.outlets",
    "gateway.desk",
    "gateway.board",
    "gateway.demo",
    "approvals",
    "webhooks",
    "audit",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "gateway.tenants.language.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "gateway.tenants.middleware.ContextMiddleware",
]

ROOT_URLCONF = "gateway.urls"
ASGI_APPLICATION = "gateway.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            # Every page speaks to people, so no template has to ask for `translate`.
            "builtins": ["django.templatetags.i18n"],
        },
    }
]

DATABASE_URL = env.text("DATABASE_URL", "") or f"sqlite:///{DATA_DIR / 'countersign.sqlite3'}"
# With roles of their own (`manage.py database_roles`), whoever migrates connects otherwise, and
# `up` starts intake and scheduler with these.
MIGRATION_DATABASE_URL = env.text("COUNTERSIGN_MIGRATION_DATABASE_URL", "")
INTAKE_DATABASE_URL = env.text("COUNTERSIGN_INTAKE_DATABASE_URL", "")
SCHEDULER_DATABASE_URL = env.text("COUNTERSIGN_SCHEDULER_DATABASE_URL", "")
DATABASE_ROLE_PREFIX = env.text("COUNTERSIGN_DATABASE_ROLE_PREFIX", "countersign")
_migrates = sys.argv[1:2] == ["migrate"]
DATABASES = {
    "default": env.database(_migrates and MIGRATION_DATABASE_URL or DATABASE_URL),
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    env.check_sqlite(sqlite3.sqlite_version_info)
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
    # A worker's threads live long: reopening SQLite for each job costs more than the job.
    DATABASES["default"]["CONN_MAX_AGE"] = None if PROCESS == "worker" else 0
else:
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 8}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

EMBEDDED_REDIS_URL = f"unix://{socket_path(DATA_DIR)}?db=0"
REDIS_URL = env.text("REDIS_URL", "") or EMBEDDED_REDIS_URL
# "stub" keeps messages in memory: for unit tests only.
TASK_BROKER = "redis"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "gateway.lib.layer.ChannelLayer",
        "CONFIG": {"host": REDIS_URL},
    }
}
CACHES = {
    "default": {
        "BACKEND": "gateway.lib.cache.RedisOrMemoryCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
    }
}

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["gateway.tenants.backends.MemberBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "gateway.tenants.accounts.AccountAdapter"
ACCOUNT_LOGOUT_ON_GET = False
# How long a proof of being there counts where something asks for a fresh one: seconds.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_EMAIL_NOTIFICATIONS = True

# Second factors: docs/accounts.md. Whom the deployment obliges to have one.
SECOND_FACTOR = env.choice(
    "COUNTERSIGN_SECOND_FACTOR", "optional", of=("optional", "reviewers", "everyone")
)
MFA_ADAPTER = "gateway.tenants.accounts.FactorAdapter"
MFA_FORMS = {
    "authenticate": "gateway.tenants.factor_forms.CodeForm",
    "reauthenticate": "gateway.tenants.factor_forms.ProveCodeForm",
    "authenticate_webauthn": "gateway.tenants.factor_forms.PasskeyForm",
    "reauthenticate_webauthn": "gateway.tenants.factor_forms.ProvePasskeyForm",
    "login_webauthn": "gateway.tenants.factor_forms.PasskeyDoorForm",
    "add_webauthn": "gateway.tenants.factor_forms.AddPasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# A stolen key alone opens nothing: the person shows a finger, a face or a PIN.
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "Countersign"

# Single sign-on: docs/accounts.md.
OIDC_ISSUER = env.text("COUNTERSIGN_OIDC_ISSUER", "").rstrip("/")
OIDC_CLIENT_ID = env.text("COUNTERSIGN_OIDC_CLIENT_ID", "" if not OIDC_ISSUER else None)
OIDC_CLIENT_SECRET = env.text("COUNTERSIGN_OIDC_CLIENT_SECRET", "" if not OIDC_ISSUER else None)
OIDC_TENANT = env.text("COUNTERSIGN_OIDC_TENANT", "" if not OIDC_ISSUER else None)
OIDC_NAME = env.text("COUNTERSIGN_OIDC_NAME", "your organisation")
OIDC_GROUPS = env.group_roles("COUNTERSIGN_OIDC_GROUPS")
OIDC_GROUPS_CLAIM = env.text("COUNTERSIGN_OIDC_GROUPS_CLAIM", "groups")
if PRODUCTION and OIDC_ISSUER and not OIDC_ISSUER.startswith("https://"):
    raise env.BadSetting("COUNTERSIGN_OIDC_ISSUER must begin with https:// in production.")
SOCIALACCOUNT_ADAPTER = "gateway.tenants.sso.SsoAdapter"
# A link leads off: a form's redirect to another host would break the content security policy.
SOCIALACCOUNT_LOGIN_ON_GET = True
# Addresses that leave us, also where a proxy in front speaks TLS.
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _public.scheme
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = env.identity_provider(OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET)

EMAIL_URL = env.text("COUNTERSIGN_EMAIL_URL", "")
locals().update(env.email(EMAIL_URL))
DEFAULT_FROM_EMAIL = f"Countersign <countersign@{_public.hostname}>"

CSRF_FAILURE_VIEW = "gateway.desk.errors.csrf_failed"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_NAME = "__Host-countersign" if IS_HTTPS else "countersign"
CSRF_COOKIE_NAME = "__Host-csrf" if IS_HTTPS else "countersign-csrf"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
# None of our servers speaks TLS: the proxy in front does and says so, and sends browsers there.
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS and TRUSTED_PROXIES else None
)
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # the proxy's task, as above
    # Whether other hosts of the domain are bound, and browsers' lists name it, operators decide.
    "security.W005",
    "security.W021",
]
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        # Tabler's style sheet carries its icons as data: images.
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

LANGUAGE_CODE = "en"
# Preferences ask once there are two; `make messages LOCALE=de` begins a catalogue.
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Files are served from where they lie: nothing is collected, so there is no STATIC_ROOT.
WHITENOISE_USE_FINDERS = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "gateway.tenants.authentication.KeyAuthentication",
        "gateway.tenants.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["gateway.tenants.permissions.HasScope"],
    "DEFAULT_PAGINATION_CLASS": "gateway.lib.pages.CursorPages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["gateway.lib.bodies.StrictParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "gateway.lib.bodies.OneAnswer",
    "EXCEPTION_HANDLER": "gateway.lib.problems.handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Countersign API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "ActionStatus": "approvals.states.ActionStatus",
        "RunStatus": "gateway.runs.states.RunStatus",
        "EventStatus": "webhooks.states.EventStatus",
        "BudgetKind": "gateway.budgets.amounts.KINDS",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "gateway.api.with_problems",
    ],
}
