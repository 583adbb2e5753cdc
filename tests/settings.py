"""The settings of every test: the application's own, read from an environment of which nothing is left to chance."""

import atexit
import base64
import hashlib
import os
import shutil
import socket
import tempfile
from pathlib import Path

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
atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)
os.environ["KEY_STORE_DIR"] = os.environ["VAR_DIR"] + "/keys"

from ipe.settings import *  # noqa: E402, F403 - only after the environment is set

# The name of databases on a server says whose they are, so that the suites of two clones, on one machine or on two, can run
# on one server.
CLONE = f"{socket.gethostname()} {Path(__file__).resolve().parents[1]}"
OURS = os.environ["TEST_OURS"] = f"test_ipe_{hashlib.sha256(CLONE.encode()).hexdigest()[:8]}"
if DATABASES["default"]["ENGINE"].endswith("postgresql"):  # noqa: F405 - of the star above
    DATABASES["default"]["TEST"]["NAME"] = OURS  # noqa: F405 - as above
