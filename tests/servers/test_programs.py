"""Which program is taken, what is said where one is missing, and that installing leaves nothing of its own behind."""

from __future__ import annotations

import contextlib

import pytest

from tests.servers import programs


def an_executable(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_newest_version_of_postgresql_is_taken(tmp_path):
    for version in ("9.6", "15", "17", "16"):
        an_executable(tmp_path / f"usr/lib/postgresql/{version}/bin/initdb")
    (tmp_path / "usr/lib/postgresql/18/bin").mkdir(parents=True)  # left over: no program in it
    found = programs.find("initdb", root=tmp_path, path="")
    assert found == tmp_path / "usr/lib/postgresql/17/bin/initdb"


def test_rabbitmq_is_taken_from_behind_its_wrapper(tmp_path):
    on_path = an_executable(tmp_path / "bin/rabbitmq-server")
    assert programs.find("rabbitmq-server", root=tmp_path, path=str(tmp_path / "bin")) == on_path
    behind = an_executable(tmp_path / "usr/lib/rabbitmq/bin/rabbitmq-server")
    assert programs.find("rabbitmq-server", root=tmp_path, path=str(tmp_path / "bin")) == behind


def test_a_program_that_is_nowhere_is_not_found(tmp_path):
    assert programs.find("no-such-server", root=tmp_path, path=str(tmp_path)) is None


@pytest.mark.parametrize("is_root", [True, False])
def test_what_is_missing_is_named_with_what_to_do(is_root):
    assert programs.obstacle(["redis"], is_root=True, has_apt=True) is None
    said = programs.obstacle(["postgres", "rabbitmq"], is_root=is_root, has_apt=False)
    assert "PostgreSQL, RabbitMQ" in said
    assert "initdb, postgres, rabbitmq-server, epmd" in said
    assert "Debian" in said


def test_whoever_is_not_root_is_told_the_command():
    said = programs.obstacle(["redis", "rabbitmq"], is_root=False, has_apt=True)
    assert "As root" in said
    assert "apt-get install --no-install-recommends redis-server rabbitmq-server" in said


def test_no_service_starts_while_packages_are_installed(tmp_path):
    policy = tmp_path / "policy-rc.d"
    with contextlib.suppress(RuntimeError), programs.nothing_starts(policy):
        assert policy.read_text() == "#!/bin/sh\nexit 101\n"
        assert policy.stat().st_mode & 0o111
        raise RuntimeError
    assert not policy.exists()


def test_a_policy_of_the_machine_stays(tmp_path):
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 104\n")
    with programs.nothing_starts(policy):
        pass
    assert policy.read_text() == "#!/bin/sh\nexit 104\n"


def test_settings_of_clusters_are_put_back(tmp_path):
    settings = tmp_path / "createcluster.conf"
    settings.write_text("# as it came\n#create_main_cluster = true")
    with contextlib.suppress(RuntimeError), programs.no_cluster(settings):
        assert settings.read_text().splitlines()[-1] == "create_main_cluster = false"
        raise RuntimeError
    assert settings.read_text() == "# as it came\n#create_main_cluster = true"
