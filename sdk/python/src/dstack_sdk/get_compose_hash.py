"""The hash of an app-compose object, as the guest measures it when the deployed file is the canonical text."""

import hashlib
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from .canonical_json import canonical_json

_Part = TypeVar("_Part", bound="_Members")


def sort_object(value: Any) -> Any:
    """Return a copy of a JSON value in which the members of every object are sorted by name."""
    if isinstance(value, Mapping):
        return {key: sort_object(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [sort_object(item) for item in value]
    return value


def _null_if_not_finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _Members:
    """An object whose set members become JSON members, those without an attribute of their own included."""

    _known: tuple[str, ...] = ()
    _members: dict[str, Any]

    def _store(self, members: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_members", dict(members))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_members":
            raise AttributeError(name)
        try:
            return self._members[name]
        except KeyError:
            if name in self._known:
                return None
            raise AttributeError(f"{type(self).__name__} has no member {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._members[name] = value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, _Members) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.to_dict()!r})"

    def to_dict(self) -> dict[str, Any]:
        """Return the members that are not None as a new dict."""
        return {
            name: value.to_dict() if isinstance(value, _Members) else value
            for name, value in self._members.items()
            if value is not None
        }

    @classmethod
    def _of(cls: type[_Part], members: Mapping[str, Any]) -> _Part:
        part = cls.__new__(cls)
        part._store({name: _null_if_not_finite(value) for name, value in members.items()})
        return part

    @classmethod
    def from_dict(cls: type[_Part], members: Mapping[str, Any]) -> _Part:
        """Make one of JSON members; unknown ones are kept, numbers that are not finite count as None."""
        return cls._of(members)


class DockerConfig(_Members):
    """Credentials of a container registry."""

    _known = ("registry", "username", "token_key")

    def __init__(
        self,
        registry: str | None = None,
        username: str | None = None,
        token_key: str | None = None,
        **extra: Any,
    ) -> None:
        """Take the members of `docker_config`."""
        self._store({"registry": registry, "username": username, "token_key": token_key, **extra})


class Requirements(_Members):
    """What the app asks of the machine."""

    _known = ("os_version", "platforms", "tdx_measure_acpi_tables", "launch_token_hash")

    def __init__(
        self,
        os_version: str | None = None,
        platforms: list[str] | None = None,
        tdx_measure_acpi_tables: bool | None = None,
        launch_token_hash: str | None = None,
        **extra: Any,
    ) -> None:
        """Take the members of `requirements`."""
        self._store(
            {
                "os_version": os_version,
                "platforms": platforms,
                "tdx_measure_acpi_tables": tdx_measure_acpi_tables,
                "launch_token_hash": launch_token_hash,
                **extra,
            }
        )


class AppCompose(_Members):
    """An app-compose object; members beyond the known ones are given as keywords or through `from_dict`."""

    _known = (
        "runner",
        "manifest_version",
        "name",
        "features",
        "docker_compose_file",
        "docker_config",
        "public_logs",
        "public_sysinfo",
        "public_tcbinfo",
        "kms_enabled",
        "gateway_enabled",
        "tproxy_enabled",
        "local_key_provider_enabled",
        "key_provider",
        "key_provider_id",
        "allowed_envs",
        "no_instance_id",
        "secure_time",
        "bash_script",
        "pre_launch_script",
        "snapshotter",
        "requirements",
    )

    def __init__(
        self,
        runner: str,
        manifest_version: int | str | None = None,
        name: str | None = None,
        features: list[str] | None = None,
        docker_compose_file: str | None = None,
        docker_config: DockerConfig | dict[str, Any] | None = None,
        public_logs: bool | None = None,
        public_sysinfo: bool | None = None,
        public_tcbinfo: bool | None = None,
        kms_enabled: bool | None = None,
        gateway_enabled: bool | None = None,
        tproxy_enabled: bool | None = None,
        local_key_provider_enabled: bool | None = None,
        key_provider: str | None = None,
        key_provider_id: str | None = None,
        allowed_envs: list[str] | None = None,
        no_instance_id: bool | None = None,
        secure_time: bool | None = None,
        bash_script: str | None = None,
        pre_launch_script: str | None = None,
        snapshotter: str | None = None,
        requirements: Requirements | dict[str, Any] | None = None,
        **extra: Any,
    ) -> None:
        """Take the members of an app-compose object; those that stay None are left out."""
        given = dict(locals())
        self._store({**{name: given[name] for name in self._known}, **extra})

    @classmethod
    def from_dict(cls, members: Mapping[str, Any]) -> "AppCompose":
        """Make one of an app-compose object; unknown members are kept, numbers that are not finite count as None."""
        if "runner" not in members:
            raise ValueError("an app-compose object needs a runner")
        compose = cls._of(members)
        for name, kind in (("docker_config", DockerConfig), ("requirements", Requirements)):
            part = members.get(name)
            if isinstance(part, Mapping):
                compose._members[name] = kind.from_dict(part)
        return compose


_COMPOSE_RUNNERS = ("docker-compose", "nerdctl-compose")


def _normalized(compose: Mapping[str, Any]) -> dict[str, Any]:
    members = dict(compose)
    if members.get("runner") == "bash":
        members.pop("docker_compose_file", None)
    elif members.get("runner") in _COMPOSE_RUNNERS:
        members.pop("bash_script", None)
    script = members.get("pre_launch_script")
    if script is None or (isinstance(script, str | bool | int | float) and not script):
        members.pop("pre_launch_script", None)
    return members


def canonical_compose(app_compose: AppCompose | dict[str, Any], normalize: bool = False) -> str:
    """Return the text whose SHA-256 `get_compose_hash` gives: deploy exactly this to get that hash."""
    members = app_compose.to_dict() if isinstance(app_compose, AppCompose) else app_compose
    return canonical_json(_normalized(members) if normalize else members)


def get_compose_hash(app_compose: AppCompose | dict[str, Any], normalize: bool = False) -> str:
    """Return the lower-case hex SHA-256 of the canonical text of an app-compose object, which is not changed.

    The guest measures the bytes of the deployed file: it gets this hash only when they are exactly the canonical text.
    With `normalize`, members that do not matter to the runner, and an empty pre-launch script, are left out.
    """
    return hashlib.sha256(canonical_compose(app_compose, normalize).encode("utf-8")).hexdigest()
