"""Settings, all from the environment through the typed readers of `ipe.env`; `.env.example` lists every variable."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF
from dotenv import load_dotenv

from ipe import env

BASE_DIR = Path(__file__).resolve().parent.parent
load_dotenv(BASE_DIR / ".env")

ENVIRONMENT = env.text("ENVIRONMENT") or "demo"
if ENVIRONMENT not in {"demo", "production"}:
    raise env.BadSetting(f"ENVIRONMENT must be demo or production, not “{ENVIRONMENT}”")
IS_PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.secret("SECRET_KEY")
MASTER_KEY = env.secret("MASTER_KEY")
if DEBUG and IS_PRODUCTION:
    raise env.BadSetting("DEBUG must be off in production")
if not SECRET_KEY or not MASTER_KEY:
    raise env.BadSetting(
        "SECRET_KEY and MASTER_KEY must be set; “make setup” writes both to .env on a new machine"
    )

VAR_DIR = env.folder("VAR_DIR", BASE_DIR / "var")
_key_file = env.text("MASTER_KEY_FILE")
if _key_file and Path(_key_file).expanduser().resolve().is_relative_to(VAR_DIR.resolve()):
    raise env.BadSetting(
        "MASTER_KEY_FILE must not lie under VAR_DIR: a copy of the data would hold their key"
    )
MAX_UPLOAD_BYTES = env.number("MAX_UPLOAD_MB", 40) * 1024 * 1024
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", () if IS_PRODUCTION else ("localhost", "127.0.0.1"))
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
BROKER_URL = env.text("BROKER_URL")
REDIS_URL = env.text("REDIS_URL")
MFA_REQUIRED = IS_PRODUCTION

# From the bottom of the house to the top.
ROOMS: tuple[str, ...] = ("consent", "releases", "fieldwork", "surveys", "transcripts", "coding", "findings")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "template_partials",
    "heroicons",
    "rest_framework",
    "drf_spectacular",
    "ipe",
    *ROOMS,
]

MIDDLEWARE = [
    # What writes headers stands before what may answer by itself: the redirect to https, static files, a wrong host.
    "ipe.middleware.Headers",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "ipe.middleware.Activity",
    "django_htmx.middleware.HtmxMiddleware",
    "ipe.middleware.SignInRules",
    "ipe.middleware.DomainErrors",
]

ROOT_URLCONF = "ipe.urls"
WSGI_APPLICATION = "ipe.wsgi.application"

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
                "ipe.pages.navigation",
            ],
        },
    },
]

# Databases. SQLite's WAL mode can corrupt a database before 3.51.3; until then the rollback journal with full
# synchronisation is used. IMMEDIATE cures "database is locked"; secure_delete overwrites what is deleted.
# trusted_schema stays on: Django checks JSON columns with a function that SQLite refuses without it.
_journal = "WAL" if sqlite3.sqlite_version_info >= (3, 51, 3) else "DELETE"
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        f"PRAGMA journal_mode={_journal};PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;PRAGMA secure_delete=ON;"
    ),
}
POOL_OPTIONS: dict[str, Any] = {"pool": {"min_size": 1, "max_size": 8, "timeout": 5}}


def _database(variable: str, default: Path) -> dict[str, Any]:
    url = env.text(variable) or f"sqlite:///{default}"
    try:
        settings: dict[str, Any] = dict(dj_database_url.parse(url))
    except (ValueError, KeyError):
        raise env.BadSetting(f"{variable} is not a database URL") from None
    is_sqlite = settings["ENGINE"].endswith("sqlite3")
    settings["OPTIONS"] = {**settings.get("OPTIONS", {}), **(SQLITE_OPTIONS if is_sqlite else POOL_OPTIONS)}
    # Opening SQLite and preparing it takes longer than most pages' queries; PostgreSQL has its own pool.
    settings["CONN_MAX_AGE"] = 60 if is_sqlite else 0
    settings["TEST"] = {"NAME": None}
    return settings


DATABASES = {
    "default": _database("DATABASE_URL", VAR_DIR / "ipe.sqlite3"),
    "keys": _database("KEY_STORE", env.folder("KEY_STORE_DIR", VAR_DIR / "keys") / "keystore.sqlite3"),
}
DATABASE_ROUTERS = ["ipe.keystore.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Rate limits and the guard against replayed one-time codes live here, so it must be shared between processes.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "ipe_cache"}
}

# Accounts
AUTH_USER_MODEL = "ipe.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "studies"
ACCOUNT_ADAPTER = "ipe.accounts.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False  # a new password is no second factor
# Per address and per account; what is not named here keeps allauth's own limit.
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/5m/ip,5/5m/key",
    "reset_password": "10/h/ip,3/h/key",
    "reauthenticate": "10/5m/user",
    "change_password": "5/m/user",
}
MFA_ADAPTER = "ipe.accounts.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True  # addresses come from invitations, whose link proves them
MFA_TOTP_ISSUER = "IPE"
MFA_TOTP_TOLERANCE = 0
USERSESSIONS_TRACK_ACTIVITY = True

# Sessions and cookies. The __Host- prefix needs https, which a laptop does not have.
SESSION_COOKIE_AGE = 30 * 60
# 30 minutes without a request end the session: `ipe.middleware.Activity` renews it, at most once a minute.
SESSION_SAVE_EVERY_REQUEST = False
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_MAX_HOURS = 12
SESSION_COOKIE_NAME = "__Host-sid" if IS_PRODUCTION else "sid"
CSRF_COOKIE_NAME = "__Host-csrf" if IS_PRODUCTION else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "ipe.views.errors.csrf_failed"

# Headers
SECURE_CONTENT_TYPE_NOSNIFF = True
# Not no-referrer: under it browsers send forms with "Origin: null", which the guard against forged forms refuses.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = IS_PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^health/$"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_PRODUCTION
if env.flag("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # One proxy of our own: the last address that it was told is the client's. Without it nobody is believed.
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: []
    for name in (
        "camera",
        "microphone",
        "geolocation",
        "payment",
        "usb",
        "display-capture",
        "fullscreen",
        "midi",
    )
}

# Uploads: encrypted while they are received; Django's own handlers would write plain temporary files.
FILE_UPLOAD_HANDLERS = ["ipe.uploads.EncryptingUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
DATA_UPLOAD_MAX_NUMBER_FILES = 5

# Static files
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not IS_PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Europe/London"
USE_TZ = True
USE_I18N = True
DATE_FORMAT = "j M Y"

EMAIL_BACKEND = env.text("EMAIL_BACKEND") or "django.core.mail.backends.dummy.EmailBackend"
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL") or "ipe@localhost"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": "600/min"},
    "EXCEPTION_HANDLER": "ipe.api.answer_error",
}
SPECTACULAR_SETTINGS = {"TITLE": "IPE", "VERSION": "1", "SERVE_INCLUDE_SCHEMA": False}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "ipe.logs.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL") or "WARNING"},
    "loggers": {
        "ipe": {"level": env.text("LOG_LEVEL") or "INFO"},
        "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}
