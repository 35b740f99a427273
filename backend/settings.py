"""The one settings module; every difference between deployments is an environment variable.

Invariant: a missing secret or an unsafe deployment stops the start (here for what is missing, ``backend.checks`` for what is unsafe).
``WARDLINE_MODE`` is ``demo`` (embedded PostgreSQL and Redis, generated secrets, loopback) or ``production``.
"""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from celery.schedules import crontab

from backend import environment as env
from backend import shell

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(env.text("WARDLINE_STATE", str(BASE_DIR / ".wardline")))
MODE = env.text("WARDLINE_MODE", "production")

SECRET_KEY = env.secret("SECRET_KEY")
DEBUG = env.flag("DEBUG", default=False)

# The one public address, e.g. https://wardline.example.org: cookies, WebAuthn and CSRF follow from it.
PUBLIC_URL = env.text("PUBLIC_URL").rstrip("/")
_public = urlsplit(PUBLIC_URL)
IS_HTTPS = _public.scheme == "https"
ALLOWED_HOSTS = [_public.hostname or "", *env.words("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
WEBAUTHN_RP_ID = _public.hostname or ""
WEBAUTHN_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "csp",
    "audit",
    "identity",
    "messaging",
    "beds",
    "integration",
    "backend",
]

MIDDLEWARE = [
    "backend.observing.observe",
    "backend.keeping.keep_nothing",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "backend.urls"
ASGI_APPLICATION = "backend.asgi.application"
TEMPLATES: list[dict[str, object]] = []


def _pool(size: int) -> dict[str, object]:
    # The waits between attempts to reconnect double: after an outage of minutes the next attempt would be minutes away. Given up after
    # seconds, they begin anew with the next request.
    return {"min_size": 1, "max_size": size, "timeout": 10, "reconnect_timeout": 5}


def _database(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    return {
        "ENGINE": "backend.postgres",
        "NAME": unquote(parts.path.lstrip("/")) or "wardline",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.get("host", parts.hostname or "")),
        "PORT": str(parts.port or query.get("port", "")),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"pool": _pool(int(env.text("DATABASE_POOL", "8")))},
        "TEST": {"NAME": "test_wardline" + env.text("WARDLINE_TEST_SUFFIX", "")},
    }


DATABASE_URL = env.secret("DATABASE_URL")
DATABASES = {"default": _database(DATABASE_URL)}
# The owner of the tables; only `manage.py migrate` is given it, and DATABASE_URL is then a role that can change no log (backend.roles).
if {"MIGRATE_DATABASE_URL", "MIGRATE_DATABASE_URL_FILE"} & os.environ.keys():
    DATABASES["owner"] = _database(env.secret("MIGRATE_DATABASE_URL")) | {"OPTIONS": {}}
REDIS_URL = env.secret("REDIS_URL")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "wardline"}}

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "__Host-wardline" if IS_HTTPS else "wardline"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_SECURE = IS_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_REFERRER_POLICY = "no-referrer"
X_FRAME_OPTIONS = "DENY"

# No inline script, no other origin: malicious JavaScript is the one way past end-to-end encryption in a browser (docs/threat-model.md).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "media-src": ["'self'", "blob:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'", PUBLIC_URL.replace("http", "ws", 1)],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        "form-action": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["svelte-trusted-html", "wardline-worker"],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["identity.authentication.SignedInAuthentication"],
    # Deny by default: a view that says nothing is for signed-in, active members on an unrevoked device.
    "DEFAULT_PERMISSION_CLASSES": ["identity.authentication.IsActor"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["backend.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "backend.api.handle_exception",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Wardline",
    "DESCRIPTION": "End-to-end encrypted, audited bed requests between hospitals. Errors are `{code, detail, ...}` with stable codes.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "beds.schema.describe"],
    "ENUM_NAME_OVERRIDES": {
        "CandidateStateEnum": "beds.transitions.State",
        "WrapKindEnum": "identity.models.SeedWrap.Kind",
        "SsoPurposeEnum": "identity.views.sso.PURPOSES",
        "EmergencyReasonEnum": "messaging.models.EmergencyAccess.Reason",
        "ReviewActionEnum": "audit.models.Review.ACTIONS",
        "ConversationKindEnum": "messaging.models.Conversation.Kind",
        "AgeBandEnum": "beds.vocabulary.AgeBand",
        "SexEnum": "beds.vocabulary.Sex",
        "OverrideEnum": "beds.vocabulary.Override",
    },
}

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)  # the same address in kombu's words
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "wardline"
# Tasks only look at columns (2-architecture, Time): a missed run delays and never loses. Each schedule names a task of the part that owns
# it.
CELERY_BEAT_SCHEDULE = {
    "integrate-audit": {"task": "audit.tasks.integrate_audit", "schedule": 1.0, "options": {"expires": 5}},
    "gather-cosignatures": {"task": "audit.tasks.gather_cosignatures", "schedule": 1.0, "options": {"expires": 5}},
    "make-exports": {"task": "audit.tasks.make_exports", "schedule": 2.0, "options": {"expires": 5}},
    "sweep-overdue-requests": {"task": "beds.tasks.sweep_overdue_requests", "schedule": 5.0, "options": {"expires": 30}},
    "sign-directory-heads": {"task": "identity.tasks.sign_directory_heads", "schedule": 1.0, "options": {"expires": 5}},
    "check-sso-accounts": {"task": "identity.tasks.check_sso_accounts", "schedule": 30.0, "options": {"expires": 25}},
    "tidy-up": {"task": "identity.tasks.tidy_up", "schedule": crontab(hour=3, minute=17), "options": {"expires": 3600}},
    "note-ended-emergencies": {"task": "messaging.tasks.note_ended_emergencies", "schedule": 5.0, "options": {"expires": 30}},
    "tell-shift-changes": {"task": "identity.tasks.tell_shift_changes", "schedule": 2.0, "options": {"expires": 10}},
    "warn-of-gaps": {"task": "identity.tasks.warn_of_gaps", "schedule": 60.0, "options": {"expires": 120}},
    "lay-out-rosters": {"task": "identity.tasks.lay_out_rosters", "schedule": crontab(hour=2, minute=41), "options": {"expires": 3600}},
    "expire-restorations": {"task": "identity.tasks.expire_restorations", "schedule": 60.0, "options": {"expires": 120}},
    "forget-messages": {"task": "integration.tasks.forget_messages", "schedule": crontab(hour=3, minute=29), "options": {"expires": 3600}},
    "deliver-pushes": {"task": "messaging.tasks.deliver_pushes", "schedule": 2.0, "options": {"expires": 10}},
    "deliver-notices": {"task": "integration.tasks.deliver_notices", "schedule": 2.0, "options": {"expires": 10}},
}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
STATIC_URL = "/assets/"
WEB_DIST = BASE_DIR / "web" / "dist"
WHITENOISE_ROOT = WEB_DIST if WEB_DIST.is_dir() else None
WHITENOISE_INDEX_FILE = True
WHITENOISE_MAX_AGE = 0
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_IMMUTABLE_FILE_TEST = shell.is_hashed
WHITENOISE_ADD_HEADERS_FUNCTION = shell.add_headers
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

BLOB_DIR = Path(env.text("BLOB_DIR", str(STATE_DIR / "blobs")))
AUDIT_KEY_FILE = Path(env.text("AUDIT_KEY_FILE", str(STATE_DIR / "audit.key")))
# A second signature under every checkpoint (ML-DSA-44); none: no such signature.
AUDIT_MLDSA_KEY_FILE = Path(text) if (text := env.text("AUDIT_MLDSA_KEY_FILE", "")) else None
AUDIT_ORIGIN = env.text("AUDIT_ORIGIN", (_public.hostname or "wardline") + "/audit")
# Who witnesses the logs (C2SP tlog-policy); none: nobody.
AUDIT_POLICY_FILE = Path(text) if (text := env.text("AUDIT_POLICY_FILE", "")) else None
VAPID_KEY_FILE = Path(env.text("VAPID_KEY_FILE", str(STATE_DIR / "vapid.pem")))
# Web Push goes to browser vendors' hosts; a hospital may list those it allows. Demo and tests add loopback.
PUSH_HOSTS = env.words("PUSH_HOSTS", "fcm.googleapis.com updates.push.services.mozilla.com web.push.apple.com *.notify.windows.com")

# Networks, beside the public ones, in which a hospital's identity provider may be, e.g. 10.20.0.0/16; and who certified it, if not a public
# authority (PEM).
OIDC_NETWORKS = env.networks("OIDC_NETWORKS")
OIDC_CA_FILE = env.text("OIDC_CA_FILE", "")

# The ADT listener (manage.py mllp). Without a certificate it may listen on loopback alone: messages name patients.
MLLP_HOST = env.text("MLLP_HOST", "127.0.0.1")
MLLP_PORT = int(env.text("MLLP_PORT", "2575"))
MLLP_CERTIFICATE_FILE = env.text("MLLP_CERTIFICATE_FILE", "")
MLLP_PRIVATE_FILE = env.text("MLLP_PRIVATE_FILE", "")
# Who certifies the senders (PEM). Set: a sender without a certificate of theirs is not let in.
MLLP_CLIENT_CA_FILE = env.text("MLLP_CLIENT_CA_FILE", "")
MLLP_WORKERS = int(env.text("MLLP_WORKERS", "4"))  # messages under way at once; at most DATABASE_POOL
MLLP_LARGEST = int(env.text("MLLP_LARGEST", str(256 * 1024)))  # bytes of a message
MLLP_CONNECTIONS = int(env.text("MLLP_CONNECTIONS", "256"))
MLLP_MESSAGE_WITHIN = float(env.text("MLLP_MESSAGE_WITHIN", "30"))  # seconds from a message's first byte to its last
MLLP_FIRST_WITHIN = float(env.text("MLLP_FIRST_WITHIN", "30"))  # seconds from the connection to the first message of a known sender

METRICS_TOKEN = env.secret("METRICS_TOKEN") if {"METRICS_TOKEN", "METRICS_TOKEN_FILE"} & os.environ.keys() else ""
LOGGING_CONFIG = "backend.logs.configure"
LOGGING = {"version": 1}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
SILENCED_SYSTEM_CHECKS: list[str] = []
