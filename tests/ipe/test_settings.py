"""What production refuses, in a process of its own: settings are read once."""

import os
import sqlite3
import subprocess
import sys

import pytest

from ipe import checks, env

GOOD = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "s" * 60,
    "MASTER_KEY": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
    "ALLOWED_HOSTS": "ipe.example.org",
}


def started(tmp_path, *command: str, **changes: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    # Empty values keep a developer's .env from filling them in.
    empty = dict.fromkeys(
        ["DEBUG", "DATABASE_URL", "KEY_STORE", "BROKER_URL", "SECRET_KEY_FILE", "MASTER_KEY_FILE"], ""
    )
    variables = {**kept, **empty, **GOOD, "VAR_DIR": str(tmp_path), "KEY_STORE_DIR": str(tmp_path), **changes}
    return subprocess.run(
        [sys.executable, *command], env=variables, capture_output=True, text=True, check=False
    )


def check(tmp_path, **changes: str) -> subprocess.CompletedProcess[str]:
    return started(tmp_path, "manage.py", "check", **changes)


def test_production_starts_with_everything_set(tmp_path):
    assert check(tmp_path).returncode == 0


@pytest.mark.row("V13.4.2")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DEBUG": "1"}, "DEBUG must be off"),
        ({"DEBUG": "maybe"}, "DEBUG must be 1 or 0"),
        ({"SECRET_KEY": ""}, "SECRET_KEY and MASTER_KEY must be set"),
        ({"MASTER_KEY": ""}, "SECRET_KEY and MASTER_KEY must be set"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"ENVIRONMENT": "staging"}, "demo or production"),
        ({"MAX_UPLOAD_MB": "many"}, "whole number"),
    ],
)
def test_production_refuses(tmp_path, changes, words):
    answer = check(tmp_path, **changes)
    assert answer.returncode != 0
    assert words in answer.stderr


# What the settings can be read with and the system checks refuse: setting, value, words.
UNSAFE = [
    ("SECRET_KEY", "short", "50 characters"),
    ("MASTER_KEY", "not-a-key", "MASTER_KEY must be 32 bytes"),
    ("MASTER_KEY", "s" * 60, "must be two secrets"),
    ("ALLOWED_HOSTS", [], "ALLOWED_HOSTS"),
    ("ALLOWED_HOSTS", ["*"], "ALLOWED_HOSTS"),
    ("BROKER_URL", "amqp://guest:guest@127.0.0.1/", "default account"),
]


@pytest.mark.row("V13.4.2")
@pytest.mark.parametrize(("name", "value", "words"), UNSAFE)
def test_production_is_not_safe(settings, db, name, value, words):
    settings.IS_PRODUCTION = True
    settings.SECRET_KEY, settings.MASTER_KEY = GOOD["SECRET_KEY"], GOOD["MASTER_KEY"]
    settings.ALLOWED_HOSTS, settings.BROKER_URL = ["ipe.example.org"], ""
    assert checks.production_is_safe() == []
    setattr(settings, name, value)
    assert any(words in problem.msg for problem in checks.production_is_safe())


@pytest.mark.row("V13.4.2")
def test_production_refuses_whatever_is_not_safe_and_says_it_all(tmp_path):
    answer = check(
        tmp_path, SECRET_KEY="short", MASTER_KEY="short", ALLOWED_HOSTS="", BROKER_URL="amqp://guest:guest@h/"
    )
    assert answer.returncode != 0
    assert [words for _, _, words in UNSAFE if words not in answer.stderr] == []


def test_a_key_file_among_the_data_is_refused(tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "key").write_text(GOOD["MASTER_KEY"])
    changes = {"MASTER_KEY": "", "MASTER_KEY_FILE": str(tmp_path / "var" / "key")}
    read = "from ipe import settings; print(settings.MASTER_KEY)"
    elsewhere = started(tmp_path, "-c", read, **changes, VAR_DIR=str(tmp_path / "elsewhere"))
    assert elsewhere.stdout.strip() == GOOD["MASTER_KEY"]
    refused = check(tmp_path, **changes, VAR_DIR=str(tmp_path / "var"))
    assert refused.returncode != 0
    assert "must not lie under VAR_DIR" in refused.stderr


# What a web server and Celery import, of which neither runs Django's system checks, and a worker, which runs ours alone.
SERVERS = [
    ("-c", "import ipe.wsgi"),
    ("-c", "from ipe.celery import app; app.finalize()"),
    ("manage.py", "worker", "--once"),
]


@pytest.mark.row("V6.3.2")
@pytest.mark.parametrize("server", SERVERS, ids=" ".join)
def test_a_server_does_not_start_with_demo_accounts_and_a_weak_secret(tmp_path, server):
    with sqlite3.connect(tmp_path / "ipe.sqlite3") as database:
        database.execute("CREATE TABLE ipe_user (is_demo bool)")
        database.execute("INSERT INTO ipe_user VALUES (1)")
    refused = started(tmp_path, *server, SECRET_KEY="short")
    assert refused.returncode != 0
    assert "there are demo accounts in the database" in refused.stderr
    assert "50 characters" in refused.stderr


def test_the_demo_server_starts(tmp_path):
    assert started(tmp_path, "-c", "import ipe.wsgi", ENVIRONMENT="demo").returncode == 0


@pytest.mark.row("V6.3.2")
def test_production_refuses_demo_accounts(settings, db):
    from ipe.models import User

    settings.IS_PRODUCTION, settings.SECRET_KEY, settings.ALLOWED_HOSTS = True, "s" * 60, ["x.example.org"]
    assert checks.production_is_safe() == []
    User.objects.create(email="demo@example.org", name="Demo", is_demo=True)
    assert ["demo accounts" in problem.msg for problem in checks.production_is_safe()] == [True]


def test_secret_from_a_file(tmp_path, monkeypatch):
    (tmp_path / "key").write_text("from-file\n")
    monkeypatch.setenv("SOME_KEY_FILE", str(tmp_path / "key"))
    assert env.secret("SOME_KEY") == "from-file"
    monkeypatch.setenv("SOME_KEY", "both")
    with pytest.raises(env.BadSetting, match="not both"):
        env.secret("SOME_KEY")
