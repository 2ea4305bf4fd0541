#!/usr/bin/env python3
"""dstack-auth-simple and dstack-auth-mock as processes: lists that change while they run, settings, refusals to start.

usage: test_simple.py DSTACK_AUTH_SIMPLE DSTACK_AUTH_MOCK    (prints TAP)
"""
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

SIMPLE, MOCK = (os.path.abspath(path) for path in sys.argv[1:3])
APP, IMAGE, COMPOSE, DEVICE, MR = "aa" * 20, "11" * 32, "22" * 32, "33" * 32, "44" * 32
QUESTION = {"appId": APP, "composeHash": COMPOSE, "instanceId": "", "deviceId": DEVICE, "mrAggregated": MR, "osImageHash": IMAGE,
            "tcbStatus": "UpToDate", "advisoryIds": [], "teeVariant": "dstack-tdx"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(program, directory, **env):
    port = free_port()
    process = subprocess.Popen([program], cwd=directory, env={"PORT": str(port), **env}, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            assert time.monotonic() < deadline and process.poll() is None, "it did not come up"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(10) == 0, "a bad end"


def http(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": "application/json"} if data else {}), timeout=20) as answer:
        return json.loads(answer.read())


def expect(url, subject, allowed, reason, gateway=""):
    answer = http(f"{url}/bootAuth/{subject}", QUESTION)
    assert answer == {"isAllowed": allowed, "reason": reason, "gatewayAppId": gateway}, answer


def write(directory, policy):
    with open(os.path.join(directory, "auth-config.json"), "w") as out:
        out.write(policy if isinstance(policy, str) else json.dumps(policy))


def test_lists_change(directory):
    app = {"composeHashes": [f"0x{COMPOSE}"], "devices": [DEVICE]}
    policy = {"osImages": [IMAGE.upper()], "gatewayAppId": "gw", "apps": {f"0x{APP}": app},
              "kms": {"mrAggregated": [MR], "allowAnyDevice": True}, "chainId": 7, "unknown": {}}
    with running(SIMPLE, directory) as url:
        expect(url, "app", False, "OS image is not allowed")
        write(directory, policy)
        expect(url, "app", True, "", "gw")
        expect(url, "kms", True, "", "gw")
        app["devices"] = []
        write(directory, policy)
        expect(url, "app", False, "app is not allowed to boot on this device", "gw")
        del policy["apps"]
        write(directory, policy)
        expect(url, "app", False, "app not registered", "gw")
        info = http(url)
        zero = "0x" + "00" * 20
        assert info == {"status": "ok", "kmsContractAddr": zero, "gatewayAppId": "gw", "chainId": 7, "appAuthImplementation": zero,
                        "appImplementation": zero}, info
        for broken in ('{"osImages": [', '{"osImages": "x"}', "", "[]"):
            write(directory, broken)
            expect(url, "kms", False, "OS image is not allowed")
        os.remove(os.path.join(directory, "auth-config.json"))
        expect(url, "kms", False, "OS image is not allowed")


def test_settings_of_a_file(directory):
    os.makedirs(os.path.join(directory, "elsewhere"))
    write(os.path.join(directory, "elsewhere"), {"osImages": [IMAGE]})
    with open(os.path.join(directory, ".env"), "w") as out:
        out.write('# where the lists are\nAUTH_CONFIG_PATH="elsewhere/auth-config.json"\nPORT=1\n')
    with running(SIMPLE, directory) as url:
        expect(url, "app", False, "app not registered")


def test_mock(directory):
    with running(MOCK, directory) as url:
        expect(url, "app", True, "mock app always allowed", "0xmockgateway1234567890123456789012345678")
        assert http(url)["chainId"] == 1337 and "note" in http(url)
    with running(MOCK, directory, MOCK_POLICY="deny-app", MOCK_GATEWAY_APP_ID="gw") as url:
        expect(url, "app", False, "mock policy: deny-app")
        expect(url, "kms", True, "mock KMS allowed (deny-app policy)", "gw")


def test_refusals_to_start(directory):
    for program, env in ((MOCK, {"NODE_ENV": "production"}), (SIMPLE, {"PORT": "70000"}), (SIMPLE, {"HOST": "nowhere.invalid"})):
        result = subprocess.run([program], cwd=directory, env={"PORT": str(free_port()), **env}, capture_output=True, text=True, timeout=20)
        assert result.returncode == 1 and " error " in result.stderr, (env, result)
    with open(os.path.join(directory, ".env"), "w") as out:
        out.write("nonsense\n")
    result = subprocess.run([SIMPLE], cwd=directory, env={}, capture_output=True, text=True, timeout=20)
    assert result.returncode == 1 and ".env:1: expected NAME=VALUE" in result.stderr, result
    assert subprocess.run([SIMPLE, "--nonsense"], capture_output=True, timeout=20).returncode == 2
    assert b"AUTH_CONFIG_PATH" in subprocess.run([SIMPLE, "--help"], capture_output=True, timeout=20).stdout


def main():
    tests = [test_lists_change, test_settings_of_a_file, test_mock, test_refusals_to_start]
    print(f"1..{len(tests)}")
    failed = 0
    for number, test in enumerate(tests, 1):
        directory = tempfile.mkdtemp(prefix="dstack-auth-")
        try:
            test(directory)
            print(f"ok {number} {test.__name__}", flush=True)
        except Exception as error:  # noqa: BLE001: each test's failure is told, then the next one runs
            failed += 1
            print(f"not ok {number} {test.__name__}\n# {type(error).__name__}: {error}", flush=True)
        finally:
            shutil.rmtree(directory)
    return 1 if failed else 0


sys.exit(main())
