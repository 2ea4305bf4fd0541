#!/usr/bin/env python3
"""Contracts on a real chain (anvil), governed with `dstack kms` and `dstack app`, and asked through dstack-auth-eth as a KMS asks.

usage: test_contracts.py DSTACK DSTACK_AUTH_ETH    (prints TAP; skips when the contracts were not built)
"""
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

CLI, AUTH_ETH = (os.path.abspath(path) for path in sys.argv[1:3])
SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
CONTRACTS = os.path.join(SOURCE, "kms/auth-eth")
ARTIFACTS = os.path.join(CONTRACTS, "build/forge")
TOOLS = os.path.join(CONTRACTS, "node_modules/.bin")
# Accounts that every anvil has; they are worth nothing anywhere else.
OWNER_KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
STRANGER_KEY = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
IMAGE, COMPOSE, DEVICE, MR = "11" * 32, "22" * 32, "33" * 32, "44" * 32
TUPLE = "(address,bytes32,address,bytes32,bytes32,bytes32,bytes32,string,string[])"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, check, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            if check():
                return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come up")


def http(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} if data else {})
    with urllib.request.urlopen(request, timeout=40) as answer:
        return json.loads(answer.read())


def tool(name, *args):
    result = subprocess.run([os.path.join(TOOLS, name), *args], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, f"{name} {args}: {result.stderr}"
    return result.stdout.strip()


class Chain:
    """anvil, and a folder with the key files."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="dstack-contracts-")
        self.owner = self.write_key("owner.key", OWNER_KEY)
        self.stranger = self.write_key("stranger.key", STRANGER_KEY)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kms = None
        self.process = None
        self.children = []
        self.start()

    def write_key(self, name, key):
        path = os.path.join(self.dir, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            out.write(f"0x{key}\n")
        return path

    def start(self):
        self.process = subprocess.Popen([os.path.join(TOOLS, "anvil"), "--port", str(self.port), "--silent"],
                                        stdout=subprocess.DEVNULL, start_new_session=True)
        wait_for("anvil", lambda: self.rpc("eth_chainId") == "0x7a69", 60)

    def rpc(self, method, *params):
        answer = http(self.url, {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        return answer.get("result")

    def dstack(self, *args, key=None, ok=True, env=None):
        command = [CLI, *args, *(["--key-file", key or self.owner, "--yes"] if key is not False else [])]
        environment = {**os.environ, "ETH_RPC_URL": self.url, "DSTACK_CONTRACTS": ARTIFACTS, **(env or {})}
        environment.pop("KMS_CONTRACT_ADDR", None)
        if self.kms:
            environment["KMS_CONTRACT_ADDR"] = self.kms
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, stdin=subprocess.DEVNULL)
        assert (result.returncode == 0) == ok, f"{args}: {result.returncode} {result.stdout} {result.stderr}"
        return result.stdout if ok else result.stderr

    def json(self, *args, key=None):
        return json.loads(self.dstack("--json", *args, key=key))

    def auth(self, **env):
        """Starts dstack-auth-eth and returns its URL and process."""
        port = free_port()
        log = open(os.path.join(self.dir, f"auth-{port}.log"), "w+")
        environment = {"PATH": os.environ["PATH"], "PORT": str(port), "ETH_RPC_URL": self.url, "KMS_CONTRACT_ADDR": self.kms, **env}
        process = subprocess.Popen([AUTH_ETH], env=environment, cwd=self.dir, stderr=log)
        self.children.append(process)
        url = f"http://127.0.0.1:{port}"
        wait_for("dstack-auth-eth", lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None)
        return url, process, log.name

    def stop(self):
        for process in self.children:
            if process.poll() is None:
                process.terminate()
                process.wait(10)
        self.kill_node()
        shutil.rmtree(self.dir)

    def kill_node(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)


def question(app, **changes):
    return {"appId": app, "composeHash": COMPOSE, "instanceId": "99" * 20, "deviceId": DEVICE, "mrAggregated": MR, "mrSystem": "55" * 32,
            "osImageHash": IMAGE, "tcbStatus": "UpToDate", "advisoryIds": [], "eventLog": "[]", "mrtd": "00" * 48, **changes}


def expect(url, subject, body, allowed, reason, gateway=""):
    answer = http(f"{url}/bootAuth/{subject}", body)
    assert isinstance(answer.pop("blockNumber", 0), int)
    assert answer == {"isAllowed": allowed, "reason": reason, "gatewayAppId": gateway}, answer


def test_deploy(chain):
    made = chain.json("kms", "deploy")
    chain.kms = made["kmsContract"]
    shown = chain.json("kms", "show", key=False)
    assert shown["owner"] == OWNER and shown["appImplementation"] == made["appImplementation"], shown
    assert tool("cast", "call", chain.kms, "owner()(address)", "--rpc-url", chain.url) == OWNER


def test_kms_permissions(chain):
    url, _, _ = chain.auth()
    expect(url, "kms", question("00" * 20, tcbStatus="OutOfDate"), False, "TCB status is not up to date")
    expect(url, "kms", question("00" * 20), False, "OS image is not allowed")
    chain.dstack("kms", "add-image", IMAGE)
    expect(url, "kms", question("00" * 20), False, "Aggregated MR not allowed")
    chain.dstack("kms", "add-mr", MR)
    expect(url, "kms", question("00" * 20), False, "KMS is not allowed to boot on this device")
    chain.dstack("kms", "add-device", f"0x{DEVICE}")
    expect(url, "kms", question("00" * 20), True, "")
    chain.dstack("kms", "remove-device", DEVICE)
    expect(url, "kms", question("00" * 20), False, "KMS is not allowed to boot on this device")
    chain.dstack("kms", "add-device", DEVICE)
    chain.dstack("kms", "remove-mr", MR)
    expect(url, "kms", question("00" * 20), False, "Aggregated MR not allowed")
    chain.dstack("kms", "add-mr", MR)
    chain.dstack("kms", "remove-image", IMAGE)
    expect(url, "kms", question("00" * 20), False, "OS image is not allowed")


def test_app_permissions(chain):
    url, _, _ = chain.auth(ETH_CHAIN_ID="31337")
    expect(url, "app", question("77" * 20), False, "App not registered")
    app = chain.json("kms", "create-app")["appId"]
    expect(url, "app", question(app), False, "OS image is not allowed")
    chain.dstack("kms", "add-image", IMAGE)
    expect(url, "app", question(app), False, "Compose hash not allowed")
    chain.dstack("app", "add-hash", COMPOSE, "--app", app)
    expect(url, "app", question(app), False, "Device not allowed")
    chain.dstack("app", "add-device", DEVICE, "--app", app)
    expect(url, "app", question(app), True, "")
    expect(url, "app", question(app, tcbStatus="OutOfDate"), True, "")
    chain.dstack("app", "require-tcb", "on", "--app", app)
    expect(url, "app", question(app, tcbStatus="OutOfDate"), False, "TCB status is not up to date")
    expect(url, "app", question(app), True, "")
    chain.dstack("app", "remove-device", DEVICE, "--app", app)
    expect(url, "app", question(app), False, "Device not allowed")
    chain.dstack("app", "any-device", "on", "--app", app)
    expect(url, "app", question(app, deviceId=""), True, "")
    chain.dstack("app", "remove-hash", COMPOSE, "--app", app)
    expect(url, "app", question(app), False, "Compose hash not allowed")
    chain.dstack("kms", "register-app", STRANGER)
    expect(url, "app", question(STRANGER), False, "App not deployed or invalid address")
    expect(url, "app", question(chain.kms), False, "App not registered")


def test_show(chain):
    app = chain.json("kms", "create-app", "--device", DEVICE, "--compose-hash", COMPOSE, "--require-tcb")["appId"]
    other = "66" * 32
    chain.dstack("app", "add-hash", other, "--app", app)
    chain.dstack("app", "add-hash", other, "--app", app)
    chain.dstack("app", "remove-hash", COMPOSE, "--app", app)
    shown = chain.json("app", "show", "--app", app, key=False)
    assert shown == {"appId": app, "owner": OWNER, "pendingOwner": "0x" + "00" * 20, "allowAnyDevice": False, "requireTcbUpToDate": True,
                     "composeHashes": [f"0x{other}"], "devices": [f"0x{DEVICE}"], "registered": True}, shown
    assert "composeHashes:\n  0x6666" in chain.dstack("app", "show", "--app", app, key=False)


def test_gateway_and_info(chain):
    url, _, _ = chain.auth()
    gateway = chain.json("kms", "create-app", "--any-device")["contract"]
    chain.dstack("kms", "set-gateway", gateway)
    expect(url, "app", question("77" * 20), False, "App not registered", gateway)
    info = http(url)
    made = chain.json("kms", "show", key=False)
    assert info == {"status": "ok", "kmsContractAddr": chain.kms, "gatewayAppId": gateway, "chainId": 31337,
                    "appAuthImplementation": made["appImplementation"], "appImplementation": made["appImplementation"],
                    "ethRpcUrl": chain.url}, info
    path = os.path.join(chain.dir, "info.json")
    with open(path, "w") as out:
        json.dump({"k256Pubkey": "02" + "11" * 32, "caPubkey": "30" * 91, "quote": "04" * 5000, "eventlog": "5b5d"}, out)
    chain.dstack("kms", "set-info", path)
    assert chain.json("kms", "show", key=False)["k256Pubkey"] == "02" + "11" * 32
    read = tool("cast", "call", chain.kms, "kmsInfo()(bytes,bytes,bytes,bytes)", "--rpc-url", chain.url).split("\n")
    assert read == ["0x02" + "11" * 32, "0x" + "30" * 91, "0x" + "04" * 5000, "0x5b5d"], read
    chain.dstack("kms", "set-gateway", "")


def test_cache_expires(chain):
    url, _, _ = chain.auth(AUTH_CACHE_SECONDS="2")
    app = chain.json("kms", "create-app", "--any-device", "--compose-hash", COMPOSE)["appId"]
    expect(url, "app", question(app), True, "")
    chain.dstack("app", "remove-hash", COMPOSE, "--app", app)
    removed = time.monotonic()
    while http(f"{url}/bootAuth/app", question(app))["isAllowed"]:
        assert time.monotonic() - removed < 2.5, "a withdrawn compose file is still allowed"
        time.sleep(0.05)
    expect(url, "app", question(app), False, "Compose hash not allowed")


def test_hostile_app(chain):
    """A registered contract whose answer has no meaning."""
    url, _, _ = chain.auth()
    code = "0x6103e86000f3"  # returns 1000 zero bytes
    init = "0x65" + code[2:] + "6000526006601af3"
    receipt = json.loads(tool("cast", "send", "--rpc-url", chain.url, "--private-key", OWNER_KEY, "--json", "--create", init))
    app = receipt["contractAddress"]
    chain.dstack("kms", "register-app", app)
    expect(url, "app", question(app), False, "App authorization call failed")


def test_refusals_of_the_chain(chain):
    error = chain.dstack("kms", "add-image", IMAGE, key=chain.stranger, ok=False)
    assert "OwnableUnauthorizedAccount: the signer is not the owner" in error, error
    assert "error: " in chain.dstack("kms", "add-image", "1234", ok=False)
    assert "off" in chain.dstack("app", "any-device", "maybe", "--app", STRANGER, ok=False)
    assert "no such contract" in chain.dstack("app", "show", "--app", STRANGER, key=False, ok=False)
    assert "not of 1" in chain.dstack("kms", "add-image", IMAGE, "--chain-id", "1", ok=False)
    asked = subprocess.run([CLI, "kms", "add-image", "ee" * 32, "--key-file", chain.owner], capture_output=True, text=True, timeout=60,
                           stdin=subprocess.DEVNULL, env={**os.environ, "ETH_RPC_URL": chain.url, "KMS_CONTRACT_ADDR": chain.kms})
    assert asked.returncode == 1 and "--yes" in asked.stderr, asked.stderr
    assert f"0x{'ee' * 32}" not in chain.json("kms", "show", key=False)["osImages"]
    key = chain.dstack("kms", "add-image", IMAGE, key=False, ok=False, env={"PRIVATE_KEY": "not a key"})
    assert "PRIVATE_KEY: expected a key" in key and "not a key" not in key, key


def test_ownership(chain):
    app = chain.json("kms", "create-app")["appId"]
    chain.dstack("app", "transfer-ownership", STRANGER, "--app", app)
    assert chain.json("app", "show", "--app", app, key=False)["owner"] == OWNER
    assert "not the owner" in chain.dstack("app", "accept-ownership", "--app", app, ok=False)
    chain.dstack("app", "accept-ownership", "--app", app, key=chain.stranger)
    assert chain.json("app", "show", "--app", app, key=False)["owner"] == STRANGER
    assert "not the owner" in chain.dstack("app", "add-hash", COMPOSE, "--app", app, ok=False)
    assert "not the owner" in chain.dstack("app", "disable-upgrades", "--app", app, ok=False)
    chain.dstack("app", "disable-upgrades", "--app", app, key=chain.stranger)


def test_upgrades(chain):
    app = chain.json("kms", "create-app", "--device", DEVICE, "--compose-hash", COMPOSE)["appId"]
    assert "not the owner" in chain.dstack("app", "upgrade", "--app", app, "--implementation", chain.kms, key=chain.stranger, ok=False)
    made = chain.json("app", "upgrade", "--app", app)["implementation"]
    slot = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"
    assert int(chain.rpc("eth_getStorageAt", f"0x{app}", slot, "latest"), 16) == int(made, 16)
    assert chain.json("app", "show", "--app", app, key=False)["composeHashes"] == [f"0x{COMPOSE}"]
    kms = chain.json("kms", "upgrade")["implementation"]
    assert int(chain.rpc("eth_getStorageAt", chain.kms, slot, "latest"), 16) == int(kms, 16)
    assert "ERC1967InvalidImplementation" in chain.dstack("app", "upgrade", "--app", app, "--implementation", chain.kms, ok=False)
    chain.dstack("app", "disable-upgrades", "--app", app)
    assert "Upgrades are permanently disabled" in chain.dstack("app", "upgrade", "--app", app, "--implementation", made, ok=False)


def test_foundry_scripts(chain):
    def script(name, **env):
        environment = {**os.environ, "PRIVATE_KEY": f"0x{OWNER_KEY}", **env}
        result = subprocess.run([os.path.join(TOOLS, "forge"), "script", f"script/{name}", "--broadcast", "--rpc-url", chain.url],
                                cwd=CONTRACTS, env=environment, capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL)
        assert result.returncode == 0, f"{name}: {result.stdout} {result.stderr}"
        return result.stdout

    def after(text, label):
        return next(line for line in text.splitlines() if line.strip().startswith(label)).split(label)[1].strip()

    kms = after(script("Deploy.s.sol:DeployScript"), "DstackKms proxy deployed to:")
    image, device = f"0x{'ab' * 32}", f"0x{'cd' * 32}"
    assert "Added OS image hash:" in script("Manage.s.sol:AddOsImage", KMS_CONTRACT_ADDR=kms, OS_IMAGE_HASH=image)
    assert after(script("Query.s.sol:CheckOsImage", KMS_CONTRACT_ADDR=kms, OS_IMAGE_HASH=image), "Is Allowed:") == "true"
    batch = script("Manage.s.sol:BatchKmsSetup", KMS_CONTRACT_ADDR=kms, GATEWAY_APP_ID="gw", DEVICE_LIST=f"{device},{image}")
    assert batch.count("Added KMS device:") >= 2, batch
    app = after(script("Manage.s.sol:DeployApp", KMS_CONTRACT_ADDR=kms, INITIAL_COMPOSE_HASH=image), "Deployed new app at:")
    verdict = script("Query.s.sol:CheckAppAllowed", KMS_CONTRACT_ADDR=kms, APP_ID=app, COMPOSE_HASH=image, DEVICE_ID=device,
                     MR_AGGREGATED=image, OS_IMAGE_HASH=image, TCB_STATUS="UpToDate")
    assert after(verdict, "Is Allowed:") == "true" and after(verdict, "Gateway App ID:") == "gw", verdict
    settings = script("Query.s.sol:GetKmsSettings", KMS_CONTRACT_ADDR=kms)
    assert after(settings, "Owner:") == OWNER and after(settings, "Gateway App ID:") == "gw", settings


def test_encoding_against_cast(chain):
    """What dstack-auth-eth sends, byte for byte what Foundry's encoder makes of the same values."""
    seen = []
    url, port = Recorder.start(seen)
    auth, _, _ = chain.auth(ETH_RPC_URL=url)
    for round_number in range(12):
        body = {key: secrets.token_hex(20 if key in ("appId", "instanceId") else 32)
                for key in ("appId", "composeHash", "instanceId", "deviceId", "mrAggregated", "mrSystem", "osImageHash")}
        body["tcbStatus"] = "x" * (round_number * 11)
        body["advisoryIds"] = ["INTEL-SA-%05d" % i + "y" * (i * 13) for i in range(round_number % 5)]
        seen.clear()
        subject = "kms" if round_number % 2 else "app"
        assert http(f"{auth}/bootAuth/{subject}", body)["isAllowed"] is False
        strings = ",".join(json.dumps(text) for text in body["advisoryIds"])
        values = ",".join(f"0x{body[key]}" for key in ("appId", "composeHash", "instanceId", "deviceId", "mrAggregated", "mrSystem", "osImageHash"))
        function = "isKmsAllowed" if subject == "kms" else "isAppAllowed"
        wanted = tool("cast", "calldata", f"{function}({TUPLE})", f'({values},{json.dumps(body["tcbStatus"])},[{strings}])')
        assert wanted in seen, f"round {round_number}: {wanted} is not in {seen}"
    port.shutdown()


class Recorder:
    """A node that notes the call data it is asked for and answers every call with an error."""

    @staticmethod
    def start(seen):
        import http.server
        import threading

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                requests = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answers = []
                for request in requests:
                    result = "0x1"
                    if request["method"] == "eth_getBlockByNumber":
                        result = {"number": "0x1", "timestamp": "0x1"}
                    elif request["method"] == "eth_call":
                        seen.append(request["params"][0]["data"])
                        result = "0x"
                    answers.append({"jsonrpc": "2.0", "id": request["id"], "result": result})
                body = json.dumps(answers).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}", server


def test_a_lost_node_is_a_refusal(chain):
    url, process, log = chain.auth()
    chain.dstack("kms", "add-image", IMAGE)
    app = chain.json("kms", "create-app", "--any-device", "--compose-hash", COMPOSE)["appId"]
    expect(url, "app", question(app), True, "")
    chain.kill_node()
    expect(url, "app", question(app), False, "authorization backend unavailable")
    try:
        http(url)
        raise AssertionError("information without a node")
    except urllib.error.HTTPError as error:
        assert error.code == 500 and json.loads(error.read()) == {"status": "error", "message": "authorization backend unavailable"}
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    with open(log) as text:
        assert "server listening on 127.0.0.1:" in text.read()


def test_wrong_settings(chain):
    for env in ({"KMS_CONTRACT_ADDR": "0x12"}, {"KMS_CONTRACT_ADDR": chain.kms, "ETH_CHAIN_ID": "01"}, {"ETH_RPC_URL": "ftp://x"},
                {"HOST": "no.such.host.invalid"}):
        result = subprocess.run([AUTH_ETH], env={"PORT": str(free_port()), **env}, cwd=chain.dir, capture_output=True, text=True, timeout=20)
        assert result.returncode == 1 and "error" in result.stderr, (env, result.stderr)


TESTS = [test_deploy, test_kms_permissions, test_app_permissions, test_show, test_gateway_and_info, test_cache_expires, test_hostile_app,
         test_refusals_of_the_chain, test_ownership, test_upgrades, test_foundry_scripts, test_encoding_against_cast, test_a_lost_node_is_a_refusal, test_wrong_settings]


def main():
    needed = [os.path.join(TOOLS, "anvil"), os.path.join(TOOLS, "cast"), os.path.join(ARTIFACTS, "DstackKms.sol/DstackKms.json")]
    if not shutil.which("node") or not all(os.path.exists(path) for path in needed):
        print("1..0 # SKIP the contracts are not built: scripts/contracts")
        return 0
    print(f"1..{len(TESTS)}", flush=True)
    chain = Chain()
    failed = 0
    try:
        for number, test in enumerate(TESTS, 1):
            try:
                test(chain)
                print(f"ok {number} {test.__name__}", flush=True)
            except Exception as error:  # noqa: BLE001: each test's failure is told, then the next one runs
                failed += 1
                text = str(error).replace("\n", " ")
                print(f"not ok {number} {test.__name__}\n# {type(error).__name__}: {text}", flush=True)
    finally:
        chain.stop()
    return 1 if failed else 0


sys.exit(main())
