#!/usr/bin/env python3
"""The real gateway with a real WireGuard interface, in a network namespace of its own. Its client is a guest agent on a simulated TEE.

usage: test_gateway.py DSTACK_GATEWAY DSTACK_SIMULATOR    (prints TAP; needs root, unshare, wireguard tools, openssl)
"""
import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

TOOLS = ("unshare", "ip", "wg", "openssl")
SKIP = 77
TOKEN = "operator"
RPC, ADMIN, PROXY = 8010, 8011, 8443


def enter_namespace():
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        print(f"1..0 # SKIP needs root and {', '.join(missing) or 'nothing else'}")
        sys.exit(SKIP)
    os.environ["IN_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv])


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout.strip()


def write(path, text, mode=0o600):
    with open(path, "w") as out:
        out.write(text)
    os.chmod(path, mode)


def wait_for(condition, what, seconds=15):
    deadline = time.time() + seconds
    while time.time() < deadline:
        with contextlib.suppress(OSError):
            if condition():
                return
        time.sleep(0.05)
    raise AssertionError(f"timeout: {what}")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("dstack")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


def call(connection, path, body=None, headers=None):
    connection.request("POST", path, json.dumps(body or {}), {"Content-Type": "application/json", **(headers or {})})
    answer = connection.getresponse()
    text = answer.read().decode()
    return answer.status, json.loads(text) if text.startswith("{") else text, answer.headers


class Site:
    """A certificate authority, a guest agent, and what a gateway needs, in a temporary directory."""

    def __init__(self, simulator):
        self.dir = tempfile.mkdtemp(prefix="dstack-gateway-")
        self.processes = []
        samples = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../sdk/simulator")
        for name in ("app-compose.json", "appkeys.json", "sys-config.json", "dstack.toml"):
            shutil.copy(os.path.join(samples, name), self.dir)
        self.start(simulator, "-c", f"{self.dir}/dstack.toml", log="agent")
        wait_for(lambda: self.agent("Info")[0] == 200, "the guest agent")
        self.identity("attested", usage_ra_tls=True)
        self.identity("plain", usage_ra_tls=False)
        self.authority("foreign")
        self.issue("rpc", "foreign", "DNS:gateway.test,IP:127.0.0.1")
        self.issue("proxy", "foreign", "DNS:*.app.test")
        self.wg_key = run("wg", "genkey")

    def start(self, *command, log):
        process = subprocess.Popen(command, cwd=self.dir, stdout=open(f"{self.dir}/{log}.log", "w"), stderr=subprocess.STDOUT)
        self.processes.append(process)
        return process

    def agent(self, method, body=None):
        return call(UnixConnection(f"{self.dir}/dstack.sock"), f"/{method}", body)

    def identity(self, name, **usage):
        status, answer, _ = self.agent("GetTlsKey", {"subject": name, "usage_client_auth": True, **usage})
        assert status == 200, answer
        write(f"{self.dir}/{name}.pem", "".join(answer["certificate_chain"]) + answer["key"])
        write(f"{self.dir}/ca.pem", answer["certificate_chain"][-1])

    def authority(self, name):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.crt", cwd=self.dir)

    def issue(self, name, authority, names):
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=self.dir)
        write(f"{self.dir}/{name}.ext", f"subjectAltName={names}\n")
        run("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key",
            "-CAcreateserial", "-extfile", f"{name}.ext", "-out", f"{name}.crt", cwd=self.dir)
        write(f"{self.dir}/{name}.pem", open(f"{self.dir}/{name}.crt").read() + open(f"{self.dir}/{name}.key").read())

    def config(self, name="main", extra="", state="state.json", core="", proxy="", admin=f'auth_token = "{TOKEN}"'):
        write(f"{self.dir}/{name}.toml", f"""
address = "127.0.0.1"
port = {RPC}
[tls]
certs = "rpc.crt"
key = "rpc.key"
[tls.mutual]
ca_certs = "ca.pem"
[core]
run_in_dstack = false
state_path = "{state}"
{core}
[core.admin]
enabled = true
port = {ADMIN}
{admin}
[core.attestation]
insecure_allow_external_trust_anchors = true
collateral_file = "anchors/collateral.json"
root_ca.tdx = "anchors/root.pem"
[core.wg]
private_key = "{self.wg_key}"
public_key = "{run("wg", "pubkey", input=self.wg_key)}"
listen_port = 51820
ip = "10.9.0.1/24"
reserved_net = ["10.9.0.1/32"]
client_ip_range = "10.9.0.0/25"
config_path = "wg.conf"
interface = "wg-test"
endpoint = "127.0.0.1:51820"
[core.proxy]
cert_chain = "proxy.crt"
cert_key = "proxy.key"
base_domain = "app.test"
listen_addr = "127.0.0.1"
listen_port = {PROXY}
{proxy}
{extra}
""")
        return f"{self.dir}/{name}.toml"

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.dir)


class Gateway:
    def __init__(self, site, program, **options):
        self.site, self.program = site, program
        self.process = site.start(program, "-c", site.config(**options), log="gateway")
        wait_for(self.healthy, "the gateway")

    def healthy(self):
        assert self.process.poll() is None, open(f"{self.site.dir}/gateway.log").read()
        connection = self.connection(None)
        connection.request("GET", "/health")
        return connection.getresponse().status == 200

    def connection(self, identity):
        context = ssl.create_default_context(cafile=f"{self.site.dir}/foreign.crt")
        context.check_hostname = False
        if identity:
            context.load_cert_chain(f"{self.site.dir}/{identity}.pem")
        return http.client.HTTPSConnection("127.0.0.1", RPC, context=context, timeout=10)

    def register(self, identity, key):
        return call(self.connection(identity), "/prpc/RegisterCvm?json", {"client_public_key": key})

    def admin(self, method, headers=None):
        return call(http.client.HTTPConnection("127.0.0.1", ADMIN, timeout=10), f"/prpc/{method}?json", {}, headers)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(10) == 0


def client_key():
    return run("wg", "pubkey", input=run("wg", "genkey"))


def peers():
    return run("wg", "show", "wg-test", "allowed-ips")


def test_no_attestation(site, gateway):
    for identity in (None, "plain"):
        status, answer, _ = gateway.register(identity, client_key())
        assert (status, answer) == (400, {"error": "no attestation provided"}), (identity, status, answer)
    assert peers() == ""


def test_foreign_client(site, gateway):
    site.issue("stranger", "foreign", "DNS:stranger")
    try:
        gateway.register("stranger", client_key())
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
        return
    raise AssertionError("a certificate of another authority was accepted")


def test_register(site, gateway):
    key = client_key()
    status, answer, _ = gateway.register("attested", key)
    assert status == 200, answer
    assert answer["wg"]["client_ip"] == "10.9.0.2", answer
    assert answer["agent"]["domain"] == "app.test", answer
    assert peers() == f"{key}\t10.9.0.2/32", peers()
    again = gateway.register("attested", key)
    assert again[1]["wg"]["client_ip"] == "10.9.0.2", again
    newer = client_key()
    assert gateway.register("attested", newer)[0] == 200
    assert peers() == f"{newer}\t10.9.0.2/32", peers()


def test_bad_keys(site, gateway):
    before = peers()
    own = run("wg", "pubkey", input=site.wg_key)
    for key in ("", "x", own, client_key() + "\nAllowedIPs = 0.0.0.0/0", "A" * 100000):
        status, answer, _ = gateway.register("attested", key)
        assert status == 400 and "error" in answer, (key[:60], status, answer)
    assert peers() == before


def test_admin(site, gateway):
    status, _, headers = gateway.admin("Status")
    assert status == 401 and headers["WWW-Authenticate"].startswith("Bearer"), headers
    assert gateway.admin("Exit", {"Authorization": "Bearer wrong"})[0] == 401
    status, answer, _ = gateway.admin("Status", {"Authorization": f"Bearer {TOKEN}"})
    assert status == 200 and len(answer["hosts"]) == 1, answer
    assert gateway.admin("ReloadCert", {"X-Admin-Token": TOKEN})[0] == 200


def test_unknown_app(site, gateway):
    context = ssl.create_default_context(cafile=f"{site.dir}/foreign.crt")
    try:
        with socket.create_connection(("127.0.0.1", PROXY), 10) as raw:
            context.wrap_socket(raw, server_hostname="ffffffffffffffffffffffffffffffffffffffff.app.test")
    except (ssl.SSLError, ConnectionError):
        return
    raise AssertionError("an unknown app was served")


def test_restart(site, gateway):
    before = peers()
    gateway.stop()
    restarted = Gateway(site, gateway.program)
    assert peers() == before
    restarted.stop()


def refuses(site, program, expected, **options):
    run_result = subprocess.run([program, "-c", site.config("refused", **options)], cwd=site.dir, capture_output=True, text=True,
                                timeout=20)
    assert run_result.returncode != 0 and expected in run_result.stderr, run_result.stderr


def test_refused_configuration(site, gateway):
    program = gateway.program
    refuses(site, program, "core.certbot.enabled: not implemented yet", extra="[core.certbot]\nenabled = true")
    refuses(site, program, "core.admin.auth_token", admin="")
    refuses(site, program, "core.proxy.localhost_enabled: not implemented yet", proxy="localhost_enabled = true")


def test_refused_state(site, gateway):
    stored = json.load(open(f"{site.dir}/state.json"))
    instance = next(iter(stored["instances"].values()))
    for key, value in (("public_key", "x\nAllowedIPs = 0.0.0.0/0"), ("id", "../x"), ("app_id", "")):
        changed = {**stored, "instances": {"i": {**instance, key: value}}}
        write(f"{site.dir}/changed.json", json.dumps(changed))
        refuses(site, gateway.program, "changed.json: instance", state="changed.json")


def test_webhook_fails_closed(site, gateway):
    guarded = Gateway(site, gateway.program, core='[core.auth]\nenabled = true\nurl = "http://127.0.0.1:9/app-auth"')
    status, answer, _ = guarded.register("attested", client_key())
    assert status == 400 and answer["error"].startswith("app authorization failed: "), answer
    guarded.stop()


def main():
    if "IN_NAMESPACE" not in os.environ:
        enter_namespace()
    program, simulator = (os.path.abspath(path) for path in sys.argv[1:3])
    run("ip", "link", "set", "lo", "up")
    run("mount", "-t", "sysfs", "sysfs", "/sys")  # shows this namespace's interfaces
    tests = [(name, function) for name, function in globals().items() if name.startswith("test_")]
    site = Site(simulator)
    failed = 0
    try:
        gateway = Gateway(site, program)
        print(f"1..{len(tests)}")
        for number, (name, function) in enumerate(tests, 1):
            try:
                function(site, gateway)
                print(f"ok {number} {name}")
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                print(f"not ok {number} {name}")
                print(f"# {type(error).__name__}: {error}".replace("\n", "\n# "))
    finally:
        site.end()
    sys.exit(1 if failed else 0)


main()
