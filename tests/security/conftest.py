"""Networks that are made up: names lead where a test says, and machines are there."""

from __future__ import annotations

import socket
from contextlib import contextmanager

import pytest

from tests.support.network.servers import serving


class MadeUpNetwork:
    """`names` has each name's answers, one for each look-up, the last for all others.

    `machines` has the local port behind an address and a port. `asked` are the names
    that were looked up, `dialled` the places that were connected to; this machine's own
    are real and in neither.
    """

    def __init__(self) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.machines: dict[tuple[str, int], int] = {}
        self.asked: list[str] = []
        self.dialled: list[tuple[str, int]] = []
        self._look_up = socket.getaddrinfo
        self._connect = socket.socket.connect

    def lead(self, host, *answers):
        self.names[host] = [list(answer) for answer in answers]

    def look_up(self, host, port, family=0, type=0, proto=0, flags=0):  # noqa: A002
        try:
            return self._look_up(
                host, port, family, type, proto, flags | socket.AI_NUMERICHOST
            )
        except socket.gaierror:
            if host == "localhost":
                return self._look_up("127.0.0.1", port, family, type, proto, flags)
        self.asked.append(host)
        answers = self.names.get(host)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            each
            for ip in answer
            for each in self._look_up(ip, port, family, type, proto, flags)
        ]

    def connect(self, made, place):
        if not isinstance(place, tuple) or place[0] in ("127.0.0.1", "::1"):
            return self._connect(made, place)
        self.dialled.append(place[:2])
        if place[:2] not in self.machines:
            raise ConnectionRefusedError(f"Nobody is at {place[0]}.")
        return self._connect(made, ("127.0.0.1", self.machines[place[:2]]))


@pytest.fixture
def network(monkeypatch):
    made_up = MadeUpNetwork()
    monkeypatch.setattr(socket, "getaddrinfo", made_up.look_up)
    monkeypatch.setattr(
        socket.socket, "connect", lambda made, place: made_up.connect(made, place)
    )
    return made_up


@pytest.fixture
def machine(network):
    """Puts a machine at an address while a block runs; it gives each connection to
    `answer`."""

    @contextmanager
    def standing(ip, port=443, answer=lambda connected: None):
        with serving(answer) as local:
            network.machines[ip, port] = local
            yield
            del network.machines[ip, port]

    return standing
