"""Django's settings, and the only reader of the environment.

With no DATABASE_URL or REDIS_URL the addresses are those of the embedded services, so
that one command on a bare machine runs everything. Nothing is started here: whoever
connects calls `config.embedded.start_if_needed`. Values that nothing can work with are
refused by `config.checks`. `.env.example` lists every variable.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config import appearance, embedded
from config.broker import broker_url, redis_address
from config.environment import ENV_FILE, Environment, finite
from config.keys import development_keys, trimmed

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(os.environ)
env.read_file(ENV_FILE)

VAR_DIR = Path(env.text("CONNECTOR_VAR_DIR", default=str(BASE_DIR / "var")))
_embedded = embedded.addresses(VAR_DIR)
IS_EMBEDDED = not env.text("DATABASE_URL", default="")
IS_BROKER_EMBEDDED = not env.text("REDIS_URL", default="")
DATABASE_URL = _embedded.database_url if IS_EMBEDDED else env.text("DATABASE_URL")
REDIS_URL = _embedded.redis_url if IS_BROKER_EMBEDDED else env.text("REDIS_URL")
REDIS_URL = redis_address(
    REDIS_URL,
    env.text("REDIS_CA_FILE"),
    is_insecure=env.switch("REDIS_INSECURE_TLS", default=False),
)

SECRET_KEY = env.text("SECRET_KEY", default="")
SECRET_KEY_FALLBACKS = env.parts("SECRET_KEY_FALLBACKS", default=[])
FERNET_KEYS = trimmed(env.parts("FERNET_KEYS", default=[]))
if not (SECRET_KEY and FERNET_KEYS):
    if not IS_EMBEDDED:
        raise ImproperlyConfigured(
            "Set SECRET_KEY and FERNET_KEYS: with a DATABASE_URL no keys are made up, "
            "because data encrypted with a lost key is lost too."
        )
    _keys = development_keys(VAR_DIR)
    SECRET_KEY = SECRET_KEY or _keys.secret_key
    FERNET_KEYS = FERNET_KEYS or [_keys.fernet_key]

DEBUG = env.switch("DEBUG", default=False)
if DEBUG and not IS_EMBEDDED:
    raise ImproperlyConfigured(
        "DEBUG shows settings and customers' data to whoever meets an error, so it is "
        "not for a server with a DATABASE_URL: unset one of the two."
    )
ALLOWED_HOSTS = env.parts(
    "ALLOWED_HOSTS", default=["127.0.0.1", "localhost"] if IS_EMBEDDED else []
)
CSRF_TRUSTED_ORIGINS = env.parts("CSRF_TRUSTED_ORIGINS", default=[])

CONNECTOR_ALLOWED_HOSTS = env.parts(
    "CONNECTOR_ALLOWED_HOSTS",
    default=[
        "*.pexcard.com",
        "*.cmiccloud.com",
        "*.cmicpaas.com",
        "*.cmiccloudr12.com",
    ],
)
CONNECTOR_PRIVATE_HOSTS = env.parts("CONNECTOR_PRIVATE_HOSTS", default=[])
CONNECTOR_ALLOW_LOOPBACK = env.switch("CONNECTOR_ALLOW_LOOPBACK", default=False)
PEX_CALLS_PER_MINUTE = env.whole("PEX_CALLS_PER_MINUTE", default=120)
CMIC_CALLS_PER_SECOND = env.whole("CMIC_CALLS_PER_SECOND", default=15)
CMIC_CALLS_IN_FLIGHT = env.whole("CMIC_CALLS_IN_FLIGHT", default=5)
SYNC_LANES = env.whole("SYNC_LANES", default=4)
HTTP_TIMEOUT = env.number("HTTP_TIMEOUT", default=65.0)
LOST_ANSWER_DELAYS = [
    finite("LOST_ANSWER_DELAYS", seconds)
    for seconds in env.parts("LOST_ANSWER_DELAYS", default=["60", "300", "900", "3600"])
]
# Seconds that what PEX said of a purchase may be old when it is sent.
JUDGEMENT_GOOD_FOR = env.number("JUDGEMENT_GOOD_FOR", default=900.0)
# Days that CMiC's codes may be old when it does not give newer ones.
CODES_GOOD_FOR = env.number("CODES_GOOD_FOR", default=3.0)
LEASE_SECONDS = env.number("LEASE_SECONDS", default=240.0)

# Everything about the mail server is in one address, its password too.
vars().update(
    env.mail(
        "EMAIL_URL",
        default="consolemail://" if IS_EMBEDDED else "smtp://localhost:25",
    )
)
EMAIL_TIMEOUT = env.number("EMAIL_TIMEOUT", default=20.0)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", default="connector@localhost")
ALERT_SUPPORT_ADDRESSES = env.parts("ALERT_SUPPORT_ADDRESSES", default=[])
RETENTION_DAYS = env.whole("RETENTION_DAYS", default=400)
AUDIT_RETENTION_DAYS = env.whole("AUDIT_RETENTION_DAYS", default=730)

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.inlines",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "simple_history",
    "connector",
    "sync",
    "audit",
    "axes",
    "logins",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.middleware.without_nul",
    "logins.sessions.limit_sessions",
    "logins.confirming.ConfirmFirst",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

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
        },
    },
]

DATABASES = {
    "default": {
        **env.database("DATABASE_URL", DATABASE_URL),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}

AUTHENTICATION_BACKENDS = [
    # Refuses what is locked, before the next one hashes the password.
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
LOGIN_TRIES = env.whole("LOGIN_TRIES", default=5)
LOGIN_LOCK_MINUTES = env.whole("LOGIN_LOCK_MINUTES", default=15)
SESSION_IDLE_MINUTES = env.whole("SESSION_IDLE_MINUTES", default=60)
AXES_FAILURE_LIMIT = LOGIN_TRIES
AXES_COOLOFF_TIME = timedelta(minutes=LOGIN_LOCK_MINUTES)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "logins.locking.name_to_lock"
AXES_CLIENT_IP_CALLABLE = "logins.locking.address_to_lock"
AXES_LOCKOUT_CALLABLE = "logins.locking.lockout_page"
AXES_RESET_ON_SUCCESS = True
# Who goes on trying does not make the lock longer, and costs nothing.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_SENSITIVE_PARAMETERS = ["username", "next", "csrfmiddlewaretoken"]
# Ours are the audit list and the page of locked logins.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

LANGUAGE_CODE = "en-us"
USE_I18N = True
USE_TZ = True
# Business days are PEX's, US Eastern; moments are kept in UTC and shown in this zone.
TIME_ZONE = "America/New_York"

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if not IS_EMBEDDED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# Embedded means a checkout, where nobody ran collectstatic.
WHITENOISE_USE_FINDERS = IS_EMBEDDED

# How many proxies of one's own add to X-Forwarded-For, on the way of every request.
PROXY_COUNT = env.whole("PROXY_COUNT", default=0)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not IS_EMBEDDED
if env.switch("BEHIND_HTTPS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = env.whole(
    "SECURE_HSTS_SECONDS", default=0 if IS_EMBEDDED else 30 * 24 * 60 * 60
)
SECURE_SSL_REDIRECT = env.switch("SECURE_SSL_REDIRECT", default=not IS_EMBEDDED)
# Hosts beside and below this one are not ours to decide about.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_AGE = 12 * 60 * 60

CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For ever: a worker that gave up would have to be started again by somebody.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = True
CELERY_TASK_DEFAULT_QUEUE = "auto"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "config.celery:Scheduler"
CELERY_BEAT_SCHEDULE = {
    "start-due-runs": {"task": "sync.start_due_runs", "schedule": 60.0},
    "recover": {"task": "sync.recover", "schedule": 60.0},
    "refresh-due-codes": {"task": "sync.refresh_due_codes", "schedule": 60.0},
    "renew-tokens": {"task": "sync.renew_tokens", "schedule": 24 * 60 * 60.0},
    "send-alerts": {"task": "sync.send_alerts", "schedule": 60.0},
    "write-daily-alerts": {"task": "sync.write_daily_alerts", "schedule": 3600.0},
    "prune": {"task": "sync.prune", "schedule": 24 * 60 * 60.0},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    # They tell of each start, and of each login, which the audit list has.
    "loggers": {"pikepdf": {"level": "WARNING"}, "axes": {"level": "WARNING"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", default="INFO")},
}

UNFOLD = appearance.UNFOLD
