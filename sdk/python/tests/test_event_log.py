import json

import pytest
from pydantic import ValidationError

from dstack_sdk import EventLog, GetQuoteResponse
from dstack_sdk.dstack_client import INIT_MR, replay_rtmr
from dstack_sdk.event_log import RUNTIME_EVENT_TYPE, event_digest, replay_rtmrs

KEY_PROVIDER = (
    '{"name":"kms","id":"3059301306072a8648ce3d020106082a8648ce3d0301070342000419b2457dd9b8aa6446d980f136fff7812ecd6c77740ee'
    'b0e28b10d56c0c00028a5b6e59dcea307d583bd1f70769e9c116df2bcfb1758a95d8613e7de1c8482c0"}'
)
COMPOSE_HASH = "ea549f02e1a25fabd1cb788380e033ec5461b2ffe4328d753642cf035452e48b"
FIXTURE = [
    (
        "system-preparing",
        "",
        "f9974020ef507068183313d0ca808e0d1ca9b2d1ad0c61f5784e7157c362c06536f5ddacdad4451693f48fcc72fff624",
    ),
    (
        "app-id",
        COMPOSE_HASH[:40],
        "b01c7a2e6a406ae9cd5aa81451e4614e112b8f404df12e6ef506962c1a5279a94dc58da0923c4b7db89e26da9e538302",
    ),
    (
        "compose-hash",
        COMPOSE_HASH,
        "9c1fecc259af1e8494484a391bdef460cb74d677c76dd114b1e9e7fac343da4e773b2b0eb8df7a6fc0dd8ba5edbb30e1",
    ),
    (
        "instance-id",
        "59df8036b824b0aac54f8998b9e1fb2a0cfc5d3a",
        "a8dc2d07060d74dfba7b4942411bcf93ae198da42d172860f0c6dcb9207198a2c857a4b0e57bb019d68be072074a2d01",
    ),
    (
        "boot-mr-done",
        "",
        "98bd7e6bd3952720b65027fd494834045d06b4a714bf737a06b874638b3ea00ff402f7f583e3e3b05e921c8570433ac6",
    ),
    (
        "key-provider",
        KEY_PROVIDER.encode().hex(),
        "cc0ae424f1335f3059359f712f72f0aebee7a01fba2e4d527f3ea9299bac808a3ea1f8ae2982875fb3c9697fd6f4a5f2",
    ),
    (
        "system-ready",
        "",
        "1a76b2a80a0be71eae59f80945d876351a7a3fb8e9fd1ff1cede5734aa84ea11fd72b4edfbb6f04e5a85edd114c751bd",
    ),
]
FIXTURE_RTMR3 = "6d1a3da994b6611ee602f25f07b41671ece90cd2898689f1ad4448fdf1155e3668736cca4499659caae2d8044070de57"


def runtime_event(name: str, payload: str, digest: str = "", **more: object) -> EventLog:
    members = {"imr": 3, "event_type": RUNTIME_EVENT_TYPE, "digest": digest, "event": name, "event_payload": payload}
    return EventLog.model_validate(members | more)


@pytest.mark.parametrize(("name", "payload", "digest"), FIXTURE, ids=[name for name, _, _ in FIXTURE])
def test_runtime_digests(name: str, payload: str, digest: str) -> None:
    assert event_digest(runtime_event(name, payload)) == digest
    assert event_digest(runtime_event(name, payload, digest, version=1)) == digest


@pytest.mark.parametrize(
    ("name", "payload", "digest"),
    [
        (
            "test-event",
            b"test payload",
            "abe9f116c7758a01f0436a6ae38edf31cd59e6681ab97fbc8be4d34945c723f4ccbfa112e4ca41bb7feafe124c86adc0",
        ),
        (
            "custom-event",
            bytes.fromhex("deadbeef"),
            "932d89c58e4b06531792f52cae148160c71aed5eef155b3294b2ca88e85b4b9b96753526c082a4cf90fd39ffe6ee2fd9",
        ),
    ],
)
def test_emitted_event_digests(name: str, payload: bytes, digest: str) -> None:
    assert event_digest(runtime_event(name, payload.hex())) == digest


def test_fixture_replays() -> None:
    registers = replay_rtmrs([runtime_event(*event) for event in FIXTURE])
    assert registers == {0: INIT_MR, 1: INIT_MR, 2: INIT_MR, 3: FIXTURE_RTMR3}
    assert replay_rtmr([digest for _, _, digest in FIXTURE]) == FIXTURE_RTMR3


def test_nothing_measured() -> None:
    assert replay_rtmr([]) == INIT_MR == "00" * 48


def test_short_digests_are_padded_and_long_ones_taken_whole() -> None:
    assert replay_rtmr(["ab"]) == replay_rtmr(["ab" + "00" * 47])
    assert replay_rtmr(["ab" * 49]) != replay_rtmr(["ab" * 48])


def test_quote_answers_replay_their_log() -> None:
    log = [event.model_dump(exclude_none=True) for event in (runtime_event(*e) for e in FIXTURE)]
    boot = {"imr": 0, "event_type": 4, "digest": "ab" * 48, "event": "", "event_payload": "00000000"}
    answer = GetQuoteResponse(quote="", event_log=json.dumps([boot, *log]))
    assert answer.replay_rtmrs()[3] == FIXTURE_RTMR3
    assert answer.replay_rtmrs()[0] == replay_rtmr(["ab" * 48])


def test_second_version_hashes_canonical_json() -> None:
    preimage = '{"name":"a\\"\\u0001é","payload":"00ff","type":134217729}'.encode()
    event = runtime_event('a"\x01é', "00FF", version=2, preimage=preimage.hex())
    digest = event_digest(event)
    assert event_digest(runtime_event('a"\x01é', "00ff", digest.upper(), version=2)) == digest


@pytest.mark.parametrize(
    "event",
    [
        runtime_event("app-id", "00", FIXTURE[1][2]),
        runtime_event("app-id", "", version=3),
        runtime_event("app-id", "", version=0),
        runtime_event("app-id", "", preimage="00"),
        runtime_event("app-id", "xx"),
        runtime_event("app-id", "0"),
        EventLog(imr=0, event_type=4, digest="xy", event="", event_payload=""),
        EventLog(imr=0, event_type=4, digest="ab cd", event="", event_payload=""),
    ],
)
def test_untrue_entries_are_refused(event: EventLog) -> None:
    with pytest.raises(ValueError, match=r".+"):
        replay_rtmrs([event])


@pytest.mark.parametrize("log", ["", "not json", "[{]", '{"a":1}', "[1]", '[{"imr":3}]'])
def test_malformed_logs_are_refused(log: str) -> None:
    with pytest.raises((ValueError, ValidationError)):
        GetQuoteResponse(quote="", event_log=log).replay_rtmrs()
