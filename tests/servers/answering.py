"""Whether a server of the kind that an address names answers there: the first words of each protocol, spoken by hand."""

from __future__ import annotations

import socket
import struct
from urllib.parse import unquote, urlsplit

PORTS = {"postgres": 5432, "redis": 6379, "rabbitmq": 5672}
WORDS = {"postgres": 9, "redis": 5, "rabbitmq": 11}  # as many bytes of an answer as tell what it is
SCHEMES = {"postgres": "postgres", "postgresql": "postgres", "redis": "redis", "amqp": "rabbitmq"}


def place(url: str) -> tuple[str, str, int]:
    """The kind of server, the host and the port of an address.

    Raises
    ------
    ValueError
        An address of another kind, or one whose port is not a number.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"“{parts.scheme}:” is no address of PostgreSQL, Redis or RabbitMQ.")
    kind = SCHEMES[parts.scheme]
    return kind, parts.hostname or "127.0.0.1", parts.port or PORTS[kind]


def first_words(url: str) -> bytes:
    """What a client says first."""
    kind, _, _ = place(url)
    if kind == "redis":
        return b"PING\r\n"
    if kind == "rabbitmq":
        return b"AMQP\x00\x00\x09\x01"
    user = unquote(urlsplit(url).username or "postgres").encode()
    words = b"user\x00" + user + b"\x00database\x00postgres\x00\x00"
    return struct.pack("!ii", 8 + len(words), 196608) + words  # version 3.0 of the protocol


def is_welcome(kind: str, answer: bytes, *, with_password: bool = False) -> bool:
    """Whether the answer is that of a server of this kind which takes connections now.

    A PostgreSQL that still starts says so in an error (E) where it would ask for authentication (R) later. One that asks for a
    password is of use only `with_password` in the address, and so is such a Redis.
    """
    if kind == "redis":
        return answer.startswith(b"+PONG") or (with_password and answer.startswith(b"-NOAUTH"))
    if kind == "rabbitmq":
        return answer.startswith(b"\x01\x00\x00") and answer[7:11] == b"\x00\x0a\x00\x0a"  # connection.start
    is_trusted = answer[5:9] == b"\x00\x00\x00\x00"
    return answer.startswith(b"R") and len(answer) >= WORDS["postgres"] and (is_trusted or with_password)


def answers(url: str, *, within_seconds: float = 3.0) -> bool:
    """Whether the server that an address names takes connections there."""
    kind, host, port = place(url)
    try:
        with socket.create_connection((host, port), timeout=within_seconds) as line:
            line.sendall(first_words(url))
            answer = b""
            while len(answer) < WORDS[kind]:
                more = line.recv(512)
                if not more:
                    break
                answer += more
    except OSError:
        return False
    return is_welcome(kind, answer, with_password=bool(urlsplit(url).password))
