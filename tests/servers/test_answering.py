"""Addresses, and servers that answer, that speak another protocol, that start still, that are not there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.servers.answering import answers, is_welcome, place
from tests.servers.running import free_ports

URLS = {
    "postgres": "postgres://postgres@127.0.0.1:{}/postgres",
    "redis": "redis://127.0.0.1:{}/9",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:{}//",
}
# What each says first: recorded from PostgreSQL 15, Redis 7 and RabbitMQ 3.10.
TRUST = b"R\x00\x00\x00\x08\x00\x00\x00\x00"
STARTING = b"E\x00\x00\x00\x5cSFATAL\x00VFATAL\x00C57P03\x00Mthe database system is starting up\x00"
CLEARTEXT = b"R\x00\x00\x00\x08\x00\x00\x00\x03"
SCRAM = b"R\x00\x00\x00\x17\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00"
NO_AUTH = b"-NOAUTH Authentication required.\r\n"
PONG = b"+PONG\r\n"
START = b"\x01\x00\x00\x00\x00\x01\xf0\x00\x0a\x00\x0a\x00\x09"


@pytest.fixture
def listener() -> Iterator[Callable[[bytes], int]]:
    """`listener(answer)`: the port of a server that reads a little, gives its answer and hangs up."""
    open_ones: list[socket.socket] = []

    def listen(answer: bytes) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        open_ones.append(server)

        def serve() -> None:
            line, _ = server.accept()
            with line:
                line.recv(512)
                line.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        port: int = server.getsockname()[1]
        return port

    yield listen
    for server in open_ones:
        server.close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://postgres@127.0.0.1:5433/x", ("postgres", "127.0.0.1", 5433)),
        ("postgresql://db.example.org/x", ("postgres", "db.example.org", 5432)),
        ("redis://:secret@127.0.0.1", ("redis", "127.0.0.1", 6379)),
        ("amqp://guest:guest@localhost:5673//", ("rabbitmq", "localhost", 5673)),
        ("amqp://", ("rabbitmq", "127.0.0.1", 5672)),
    ],
)
def test_an_address_says_kind_host_and_port(url, expected):
    assert place(url) == expected


@pytest.mark.parametrize("url", ["", "localhost:5432", "mysql://127.0.0.1", "redis://127.0.0.1:many"])
def test_an_address_of_something_else_is_refused(url):
    with pytest.raises(ValueError):
        place(url)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("postgres", TRUST),
        ("redis", PONG),
        ("rabbitmq", START),
    ],
)
def test_a_server_of_the_kind_answers(listener, kind, answer):
    assert answers(URLS[kind].format(listener(answer)))


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("postgres", STARTING),
        ("postgres", PONG),
        ("postgres", b""),
        ("redis", TRUST),
        ("redis", b"HTTP/1.1 400 Bad Request\r\n"),
        ("redis", NO_AUTH),
        ("postgres", CLEARTEXT),
        ("postgres", SCRAM),
        ("postgres", TRUST[:6]),
        ("redis", b"-LOADING Redis is loading the dataset in memory\r\n"),
        ("rabbitmq", b"AMQP\x00\x00\x09\x01"),
        ("rabbitmq", b""),
        ("rabbitmq", PONG),
    ],
)
def test_a_server_that_starts_still_wants_a_password_or_is_another_does_not_count(listener, kind, answer):
    assert not answers(URLS[kind].format(listener(answer)))


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("postgres://postgres:secret@127.0.0.1:{}/x", CLEARTEXT),
        ("postgres://postgres:secret@127.0.0.1:{}/x", SCRAM),
        ("redis://:secret@127.0.0.1:{}", NO_AUTH),
    ],
)
def test_a_server_that_wants_a_password_counts_where_the_address_has_one(listener, url, answer):
    assert answers(url.format(listener(answer)))
    assert not answers(url.replace(":secret", "").format(listener(answer)))


@pytest.mark.parametrize("kind", URLS)
def test_nobody_there_and_silence_do_not_count(kind):
    assert not answers(URLS[kind].format(free_ports(1)[0]))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not answers(URLS[kind].format(silent.getsockname()[1]), within_seconds=0.2)


def test_half_an_answer_of_rabbitmq_is_none():
    assert is_welcome("rabbitmq", START)
    assert not is_welcome("rabbitmq", START[:10])
