"""An agent made of canned answers, and the real one when the environment names it."""

import http.server
import json
import os
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class StubAgent:
    """Answers over a unix socket what a test tells it to, and keeps what it was asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.endpoint = str(path)
        self.calls: list[tuple[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: dict[str, tuple[int, bytes]] = {}

    def answer(self, rpc_path: str, body: Any, status: int = 200) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[rpc_path] = (status, text)

    def methods(self) -> list[str]:
        return [path for path, _ in self.calls]


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, stub: StubAgent) -> None:
        self.stub = stub
        super().__init__(stub.endpoint, _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _UnixServer

    def do_POST(self) -> None:
        stub = self.server.stub
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stub.calls.append((self.path, json.loads(body)))
        stub.headers.append({name.lower(): value for name, value in self.headers.items()})
        unknown = (400, b'{\n  "error": "service not found"\n}')
        status, answer = stub.answers.get(self.path, unknown)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[StubAgent]:
    agent = StubAgent(tmp_path / "agent.sock")
    with _UnixServer(agent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield agent
        server.shutdown()
        thread.join()


@pytest.fixture
def no_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSTACK_SIMULATOR_ENDPOINT", raising=False)
    monkeypatch.delenv("TAPPD_SIMULATOR_ENDPOINT", raising=False)


def _endpoint(variable: str) -> str:
    endpoint = os.environ.get(variable)
    if not endpoint:
        pytest.skip(f"{variable} names no agent")
    return endpoint


@pytest.fixture
def dstack_endpoint() -> str:
    return _endpoint("DSTACK_SIMULATOR_ENDPOINT")


@pytest.fixture
def tappd_endpoint() -> str:
    return _endpoint("TAPPD_SIMULATOR_ENDPOINT")
