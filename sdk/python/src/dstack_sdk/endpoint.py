"""Where the agent listens."""

import logging
import os
from collections.abc import Sequence

_logger = logging.getLogger("dstack_sdk")

_DIRECTORIES = ("/var/run", "/run", "/var/run/dstack", "/run/dstack")


def socket_paths(name: str) -> list[str]:
    """Return the paths at which guests of any version put a socket, the oldest first."""
    return [f"{directory}/{name}" for directory in _DIRECTORIES]


def is_http(endpoint: str) -> bool:
    """Tell a URL from the path of a unix socket."""
    return endpoint.startswith(("http://", "https://"))


def find_endpoint(explicit: str | None, variable: str, defaults: Sequence[str]) -> str:
    """Return the given endpoint, else the environment's, else the first socket there is.

    Raises FileNotFoundError when it is an absolute path at which there is nothing.
    """
    endpoint = explicit
    if not endpoint and os.environ.get(variable):
        endpoint = os.environ[variable]
        _logger.info("using simulator endpoint: %s", endpoint)
    if not endpoint:
        endpoint = next((path for path in defaults if os.path.exists(path)), defaults[0])
    if endpoint.startswith("/") and not os.path.exists(endpoint):
        raise FileNotFoundError(f"Unix socket file {endpoint} does not exist")
    return endpoint
