import logging
import os
from pathlib import Path

import pytest

import dstack_sdk.endpoint
from dstack_sdk import AsyncDstackClient, DstackClient, TappdClient
from dstack_sdk.endpoint import find_endpoint, socket_paths

from .conftest import StubAgent

pytestmark = pytest.mark.usefixtures("no_endpoints")


def test_search_order() -> None:
    assert socket_paths("dstack.sock") == [
        "/var/run/dstack.sock",
        "/run/dstack.sock",
        "/var/run/dstack/dstack.sock",
        "/run/dstack/dstack.sock",
    ]


def test_first_socket_there_is(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in "abc"]
    with pytest.raises(FileNotFoundError) as caught:
        find_endpoint(None, "DSTACK_SIMULATOR_ENDPOINT", paths)
    assert str(caught.value) == f"Unix socket file {paths[0]} does not exist"
    Path(paths[2]).touch()
    Path(paths[1]).touch()
    assert find_endpoint(None, "DSTACK_SIMULATOR_ENDPOINT", paths) == paths[1]


def test_argument_before_environment_before_search(
    stub: StubAgent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dstack_sdk.endpoint, "_DIRECTORIES", (os.path.dirname(stub.endpoint),))
    monkeypatch.setenv("DSTACK_SIMULATOR_ENDPOINT", "http://from.environment")
    assert DstackClient("http://argument").async_client.base_url == "http://argument"
    with caplog.at_level(logging.INFO, logger="dstack_sdk"):
        assert DstackClient().async_client.base_url == "http://from.environment"
        assert DstackClient("").async_client.base_url == "http://from.environment"
    assert "http://from.environment" in caplog.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_client_has_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSTACK_SIMULATOR_ENDPOINT", "http://dstack")
    monkeypatch.setenv("TAPPD_SIMULATOR_ENDPOINT", "http://tappd")
    assert DstackClient().async_client.base_url == "http://dstack"
    assert TappdClient().async_client.base_url == "http://tappd"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DSTACK_SIMULATOR_ENDPOINT", "")
    with pytest.raises(FileNotFoundError):
        find_endpoint(None, "DSTACK_SIMULATOR_ENDPOINT", [str(tmp_path / "none")])


@pytest.mark.parametrize("kind", [DstackClient, AsyncDstackClient])
def test_a_missing_socket_is_told_at_once(kind: type) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        kind("/non/existent/socket")
    assert str(caught.value) == "Unix socket file /non/existent/socket does not exist"


def test_urls_and_relative_paths_are_not_looked_for() -> None:
    assert DstackClient("https://example.org/base/").async_client.base_url == "https://example.org/base/"
    assert DstackClient("relative.sock").async_client.base_url == "http://localhost"


def test_the_base_path_of_a_url_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with DstackClient("http://example.org/base/") as client:
        http = client.async_client._sync_client
        assert http is not None
        assert str(http.build_request("POST", "/GetKey").url) == "http://example.org/base/GetKey"
