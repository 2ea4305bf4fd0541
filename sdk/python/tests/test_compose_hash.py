import math
from typing import Any

import pytest

from dstack_sdk.canonical_json import canonical_json
from dstack_sdk.get_compose_hash import (
    AppCompose,
    DockerConfig,
    Requirements,
    canonical_compose,
    get_compose_hash,
    sort_object,
)

COMPOSE_A = {
    "manifest_version": 1,
    "name": "test-app",
    "runner": "docker-compose",
    "docker_compose_file": "services:\\n  app:\\n    image: test\\n    ports:\\n      - 8080:8080",
}
COMPOSE_B = {
    "manifest_version": 1,
    "name": "another-app",
    "runner": "docker-compose",
    "docker_compose_file": "services:\\n  web:\\n    build: .\\n    environment:\\n      - NODE_ENV=production",
}
COMPOSE_C = {
    "runner": "docker-compose",
    "docker_compose_file": "docker-compose.yml",
    "text": "你好世界",
    "id": "c73a3a4e-ce71-4c12-a1b7-78be1a2e48e0",
    "b_number": 123,
    "a_status": True,
    "z_items": [3, 1, 2],
    "nested": {"gamma": 3.14, "alpha": "first"},
}
COMPOSE_D = {"runner": "bash", "bash_script": "start.sh", "docker_compose_file": "docker-compose.yml"}
COMPOSE_E = {"runner": "docker-compose", "docker_compose_file": "docker-compose.yml", "pre_launch_script": ""}
COMPOSE_F = {"runner": "docker-compose", "docker_compose_file": 'a && b < c > d \u2028 / " \\ \t\u007f\U0001f680'}
COMPOSE_H = {"runner": "docker-compose", "f": 1.0, "g": 1e21, "h": 1e-7, "n": -0.0}

VECTORS: list[tuple[str, dict[str, Any], bool, str]] = [
    ("A", COMPOSE_A, False, "988a2e3448a69facce5c9a9a91f9335f485bb0a996ddd06897a388a1340fafdd"),
    ("B", COMPOSE_B, False, "bb05251a8326f16fea9635efd05b9c019533570a5e1549a5da2a33fbf315b438"),
    ("C", COMPOSE_C, False, "0705386656362891629ac994406f4e31ba5c805b9638538df415c56768a504f4"),
    ("D", COMPOSE_D, False, "0449d0ea1c093c6e14efd1e55a36ebd0bc52d268b27af425f30055c35c7c0303"),
    ("D'", COMPOSE_D, True, "75a6f53f70c26c8f7b545f48c2f5ef2f76c27d13f7034be1021cf25f5d9853d2"),
    ("E", COMPOSE_E, False, "62b1427a78326534139e8107dcbab24a0cf74aed970e73401517311ec3265953"),
    ("E'", COMPOSE_E, True, "6148eabae40413a5c15aeab33343e7a219edc0cda2c2556add9a96ec76d61b11"),
    ("F", COMPOSE_F, False, "e2f999a28c92cef38ca4c2ae2d2ea61cbc6765df37f6320a04261fde56b37647"),
    (
        "G",
        {"runner": "docker-compose", "x": None},
        False,
        "c6fb131aaf77871c80da1952d67648cdc9274a2fa160b0324c91ef4904a790ad",
    ),
    ("H", COMPOSE_H, False, "80e4198905a18d403fb87f2ad3c517c4d94643ba38ee3fb0a426ee1528392536"),
    (
        "I",
        {"runner": "docker-compose", "m": {"10": 1, "9": 2, "a": 3}},
        False,
        "8e766e7a53782b6ec14fde2ad6cf2abb7bbcd9b39b24d8ebe9590a4e9cdb2e92",
    ),
    ("J", {}, False, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
]


@pytest.mark.parametrize(("compose", "normalize", "expected"), [v[1:] for v in VECTORS], ids=[v[0] for v in VECTORS])
def test_vectors(compose: dict[str, Any], normalize: bool, expected: str) -> None:
    assert get_compose_hash(compose, normalize) == expected


@pytest.mark.parametrize("compose", [COMPOSE_A, COMPOSE_B, COMPOSE_C, COMPOSE_D, COMPOSE_E, COMPOSE_F, COMPOSE_H])
def test_objects_hash_like_dicts(compose: dict[str, Any]) -> None:
    assert get_compose_hash(AppCompose.from_dict(compose)) == get_compose_hash(compose)
    assert get_compose_hash(AppCompose(**compose)) == get_compose_hash(compose)


@pytest.mark.parametrize(
    ("compose", "normalize", "text"),
    [
        (COMPOSE_D, True, '{"bash_script":"start.sh","runner":"bash"}'),
        (COMPOSE_H, False, '{"f":1,"g":1e+21,"h":1e-7,"n":0,"runner":"docker-compose"}'),
        (AppCompose("bash", name="x"), False, '{"name":"x","runner":"bash"}'),
    ],
)
def test_canonical_text(compose: AppCompose | dict[str, Any], normalize: bool, text: str) -> None:
    assert canonical_compose(compose, normalize) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (100.0, "100"),
        (123456.789, "123456.789"),
        (1e-6, "0.000001"),
        (1.5e-6, "0.0000015"),
        (1e-7, "1e-7"),
        (-1.25e-9, "-1.25e-9"),
        (1e20, "100000000000000000000"),
        (1.5e20, "150000000000000000000"),
        (1e21, "1e+21"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
        (9007199254740991, "9007199254740991"),
        (-9007199254740991, "-9007199254740991"),
        (math.nan, "null"),
        (math.inf, "null"),
        (-math.inf, "null"),
    ],
)
def test_numbers_print_as_in_ecmascript(number: float, text: str) -> None:
    assert canonical_json(number) == text


def test_strings_escape_only_what_json_requires() -> None:
    assert canonical_json('"\\\b\f\n\r\t\0\x1f/<>&\x7f\u2028\u2029é🚀') == (
        '"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/<>&\x7f\u2028\u2029é🚀"'
    )


def test_members_sort_by_code_point_at_every_depth() -> None:
    value = {"\U0001f680": 1, "\uffff": 2, "b": [{"d": 1, "c": 2}], "B": None}
    assert canonical_json(value) == '{"B":null,"b":[{"c":2,"d":1}],"\uffff":2,"\U0001f680":1}'
    assert list(sort_object({"b": {"y": 1, "x": 2}, "a": 3})["b"]) == ["x", "y"]


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800", {"\udfff": 1}])
def test_what_other_languages_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        get_compose_hash({"runner": "docker-compose", "x": value})


@pytest.mark.parametrize("value", [b"bytes", {1: 2}, {1, 2}, object()])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        get_compose_hash({"runner": "docker-compose", "x": value})


@pytest.mark.parametrize("script", ["", None, False, 0])
def test_normalizing_drops_an_empty_script(script: Any) -> None:
    base = {"runner": "docker-compose", "docker_compose_file": "x"}
    assert get_compose_hash({**base, "pre_launch_script": script}, True) == get_compose_hash(base)


@pytest.mark.parametrize("runner", ["docker-compose", "nerdctl-compose"])
def test_normalizing_drops_the_script_of_another_runner(runner: str) -> None:
    base = {"runner": runner, "docker_compose_file": "x"}
    assert get_compose_hash({**base, "bash_script": "y"}, True) == get_compose_hash(base)


def test_input_is_never_changed() -> None:
    compose = {**COMPOSE_D, "docker_config": {"registry": "r"}, "requirements": {"platforms": ["tdx"]}, "z": {"b": 1}}
    copy = {key: dict(value) if isinstance(value, dict) else value for key, value in compose.items()}
    first = get_compose_hash(compose, True)
    AppCompose.from_dict(compose)
    assert compose == copy
    assert get_compose_hash(compose, True) == first


def test_unset_members_are_left_out_of_objects() -> None:
    compose = AppCompose("docker-compose", name="x", docker_config=DockerConfig(registry="r"), custom=1)
    assert compose.to_dict() == {
        "runner": "docker-compose",
        "name": "x",
        "docker_config": {"registry": "r"},
        "custom": 1,
    }
    assert compose.public_logs is None
    assert compose.custom == 1
    with pytest.raises(AttributeError):
        _ = compose.no_such_member


def test_not_a_number_hashes_like_none_in_objects() -> None:
    base = {"runner": "docker-compose"}
    hashes = {
        get_compose_hash(AppCompose.from_dict({**base, "x": value})) for value in (None, math.nan, math.inf, -math.inf)
    }
    assert hashes == {get_compose_hash(base)}


def test_any_member_name_survives() -> None:
    members = {"runner": "bash", "_private": 1, "to_dict": 2, "self": 3, "docker_config": {"mirror": "m"}}
    compose = AppCompose.from_dict(members)
    assert compose.to_dict() == members
    assert isinstance(compose.docker_config, DockerConfig)
    assert get_compose_hash(compose) == get_compose_hash(members)


def test_parts_are_objects() -> None:
    compose = AppCompose.from_dict({"runner": "bash", "requirements": {"platforms": ["tdx"], "x": 1}})
    assert compose.requirements == Requirements(platforms=["tdx"], x=1)
    assert compose.requirements.os_version is None


def test_a_runner_is_required() -> None:
    with pytest.raises(ValueError, match="runner"):
        AppCompose.from_dict({"name": "x"})
