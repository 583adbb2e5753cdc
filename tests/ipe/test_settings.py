"""What production refuses, in a process of its own: settings are read once."""

import os
import subprocess
import sys

import pytest

from ipe import env

GOOD = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "s" * 60,
    "MASTER_KEY": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
    "ALLOWED_HOSTS": "ipe.example.org",
}


def check(tmp_path, **changes: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    # Empty values keep a developer's .env from filling them in.
    empty = dict.fromkeys(
        ["DEBUG", "DATABASE_URL", "KEY_STORE", "BROKER_URL", "SECRET_KEY_FILE", "MASTER_KEY_FILE"], ""
    )
    variables = {**kept, **empty, **GOOD, "VAR_DIR": str(tmp_path), "KEY_STORE_DIR": str(tmp_path), **changes}
    return subprocess.run(
        [sys.executable, "manage.py", "check"], env=variables, capture_output=True, text=True, check=False
    )


def test_production_starts_with_everything_set(tmp_path):
    assert check(tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DEBUG": "1"}, "DEBUG must be off"),
        ({"DEBUG": "maybe"}, "DEBUG must be 1 or 0"),
        ({"SECRET_KEY": ""}, "SECRET_KEY and MASTER_KEY must be set"),
        ({"SECRET_KEY": "short"}, "50 characters"),
        ({"MASTER_KEY": ""}, "SECRET_KEY and MASTER_KEY must be set"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"BROKER_URL": "amqp://guest:guest@127.0.0.1/"}, "default account"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"ENVIRONMENT": "staging"}, "demo or production"),
        ({"MAX_UPLOAD_MB": "many"}, "whole number"),
    ],
)
def test_production_refuses(tmp_path, changes, words):
    answer = check(tmp_path, **changes)
    assert answer.returncode != 0
    assert words in answer.stderr


def test_production_refuses_demo_accounts(settings, db):
    from ipe import checks
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
