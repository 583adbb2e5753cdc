"""The settings of every test: the application's own, read from an environment of which nothing is left to chance."""

import base64
import os
import tempfile

for name in (
    "BROKER_URL",
    "REDIS_URL",
    "DEBUG",
    "KEY_STORE",
    "MASTER_KEY_FILE",
    "SECRET_KEY_FILE",
    "ALLOWED_HOSTS",
):
    os.environ[name] = ""
os.environ["ENVIRONMENT"] = "demo"
os.environ["SECRET_KEY"] = "for-tests-only-" + "x" * 50
os.environ["MASTER_KEY"] = base64.urlsafe_b64encode(b"k" * 32).decode()
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="ipe-tests-")
os.environ["KEY_STORE_DIR"] = os.environ["VAR_DIR"] + "/keys"

from ipe.settings import *  # noqa: E402, F403 - only after the environment is set
