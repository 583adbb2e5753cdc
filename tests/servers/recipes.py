"""How each server is started in a folder of its own: files, commands and addresses, and nothing that touches the machine."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

USERS = {"postgres": "postgres", "redis": "redis", "rabbitmq": "rabbitmq"}  # as Debian names them
VARIABLES = {"postgres": "TEST_POSTGRES_URL", "redis": "TEST_REDIS_URL", "rabbitmq": "TEST_RABBITMQ_URL"}
DEFAULTS = {
    "postgres": "postgres://postgres@127.0.0.1:5432/postgres",
    "redis": "redis://127.0.0.1:6379/9",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//",
}


@dataclass(frozen=True)
class Recipe:
    """What a server is made of.

    `files` are written into its home by name. Where the folder `made` is not there yet, `make` makes it under the name
    `unfinished(made)`. The commands of `then` run on, in this order, and the last is the server.
    """

    url: str
    then: Sequence[Sequence[str]]
    made: str = ""
    make: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def unfinished(name: str) -> str:
    """Where a folder is made, so that one which was not made to its end is not taken for it."""
    return f"{name}.unfinished"


def postgres(home: Path, ports: Sequence[int], programs: Mapping[str, Path]) -> Recipe:
    """A cluster that lives only for tests: without waiting for the disk, and open to whoever is on this machine."""
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(ports[0]),
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    options = "--username postgres --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync"
    set_ = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Recipe(
        url=f"postgres://postgres@127.0.0.1:{ports[0]}/postgres",
        made="data",
        make=[str(programs["initdb"]), "--pgdata", str(home / unfinished("data")), *options.split()],
        then=[[str(programs["postgres"]), "-D", str(home / "data"), *set_]],
    )


def redis(home: Path, ports: Sequence[int], programs: Mapping[str, Path]) -> Recipe:
    """In memory alone."""
    options = f"--bind 127.0.0.1 --port {ports[0]} --appendonly no --daemonize no"
    return Recipe(
        url=f"redis://127.0.0.1:{ports[0]}/9",
        then=[[str(programs["redis-server"]), *options.split(), "--dir", str(home), "--save", ""]],
    )


def rabbitmq(home: Path, ports: Sequence[int], programs: Mapping[str, Path]) -> Recipe:
    """A node with an Erlang name service (epmd), cookie, plugins and folders of its own: it knows of no other node."""
    service, between, names = ports
    return Recipe(
        url=f"amqp://guest:guest@127.0.0.1:{service}//",
        files={
            "rabbitmq.conf": f"listeners.tcp.local = 127.0.0.1:{service}\n",
            "rabbitmq-env.conf": "",  # in place of the machine's, which would name its node
            "enabled_plugins": "[].\n",
        },
        then=[
            [str(programs["epmd"]), "-port", str(names), "-address", "127.0.0.1"],
            [str(programs["rabbitmq-server"])],
        ],
        environment={
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(names),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
            "RABBITMQ_DIST_PORT": str(between),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "config"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_NODENAME": "ipe-tests@localhost",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server, so that a sign reaches it
        },
    )


@dataclass(frozen=True)
class Kind:
    recipe: Callable[[Path, Sequence[int], Mapping[str, Path]], Recipe]
    n_ports: int
    ready_within_seconds: float
    stopped_by: signal.Signals = signal.SIGTERM


RECIPES = {
    # SIGINT ends connections and writes what is left; SIGTERM would wait until everybody has gone.
    "postgres": Kind(postgres, 1, 60, signal.SIGINT),
    "redis": Kind(redis, 1, 30),
    "rabbitmq": Kind(rabbitmq, 3, 180),
}
