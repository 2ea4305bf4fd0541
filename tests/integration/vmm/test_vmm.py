#!/usr/bin/env python3
"""The real VMM, supervisor and command line; QEMU and the vsock device are stand-ins, because no VM is the point here.

usage: test_vmm.py DSTACK_VMM DSTACK_SUPERVISOR DSTACK    (prints TAP)
"""
import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

VMM, SUPERVISOR, CLI = (os.path.abspath(path) for path in sys.argv[1:4])
SEED = "11" * 32
COMPOSE = json.dumps({"manifest_version": 2, "name": "demo", "runner": "docker-compose",
                      "docker_compose_file": "services:\n  web:\n    image: nginx\n"})
FAKE_QEMU = """#!/bin/sh
[ "$1" = --version ] && { echo "QEMU emulator version 10.0.2 (Debian)"; exit 0; }
echo "$@" > args.txt
printf '\\033[31mfirst\\033[0m\\r\\nsecond\\n' >> serial.log
exec sleep 600
"""
FAKE_QEMU_IMG = """#!/bin/sh
while [ $# -gt 0 ]; do case "$1" in *hda.img.part) : > "$1";; esac; shift; done
"""
FAKE_VSOCK = """#!/usr/bin/env python3
import socket, sys, time
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[sys.argv.index("--socket") + 1])
server.listen()
time.sleep(600)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write(path, text, mode=0o644):
    with open(path, "w") as out:
        out.write(text)
    os.chmod(path, mode)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_for(condition, what, seconds=10):
    deadline = time.time() + seconds
    while time.time() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"timeout: {what}")


class Relay:
    """Stands between the VMM and its supervisor, and loses what it is told to."""

    def __init__(self, path, target):
        self.target, self.lose_answer_to, self.dead = target, None, False
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.server.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.socket(socket.AF_UNIX) as upstream:
            upstream.connect(self.target)
            threading.Thread(target=self.copy, args=(upstream, client), daemon=True).start()
            while not self.dead and (data := client.recv(1 << 20)):
                lose = self.lose_answer_to and data.startswith(self.lose_answer_to)
                if self.dead:
                    return
                if lose:
                    self.dead = True  # from now on nobody answers, though this call arrives
                upstream.sendall(data)
                if lose:
                    time.sleep(0.5)

    def copy(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 20):
                if self.dead:
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)


class Host:
    """A host of its own in a temporary directory."""

    auto_start = "true"

    def __init__(self, vsock, extra=""):
        self.dir = tempfile.mkdtemp(prefix="dstack-vmm-")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        os.makedirs(f"{self.dir}/bin")
        write(f"{self.dir}/bin/qemu", FAKE_QEMU, 0o755)
        write(f"{self.dir}/bin/qemu-img", FAKE_QEMU_IMG, 0o755)
        write(f"{self.dir}/bin/vsock", FAKE_VSOCK, 0o755)
        self.make_image("dstack-0.5.5")
        self.log = open(f"{self.dir}/vmm.log", "w+")
        self.write_config(vsock, extra)
        self.start()

    def make_image(self, name):
        path = f"{self.dir}/images/{name}"
        os.makedirs(path)
        for part in ("bzImage", "initrd", "rootfs.img.verity"):
            write(f"{path}/{part}", part)
        write(f"{path}/metadata.json", json.dumps({
            "kernel": "bzImage", "initrd": "initrd", "rootfs": "rootfs.img.verity", "cmdline": "console=ttyS0",
            "version": "0.5.5", "shared_ro": True, "host_share_mode": "vhd"}))

    def write_config(self, vsock, extra):
        # With TDX nothing is measured here; only a command line comes of it, which the stand-in does not mind.
        write(f"{self.dir}/vmm.toml", f"""
address = "tcp:127.0.0.1:{self.port}"
image_path = "images"
run_path = "run/vm"
kms_url = ""
[limits]
CreateVm = "2MiB"
[cvm]
qemu_path = "{self.dir}/bin/qemu"
tee = "tdx"
vsock_backend = "{vsock}"
vsock_device_path = "{self.dir}/bin/vsock"
[cvm.port_mapping]
enabled = true
[cvm.auto_restart]
interval = 1
initial_backoff = 1
[cvm.log]
max_bytes = 1000
max_backups = 2
check_interval_secs = 1
[supervisor]
exe = "{SUPERVISOR}"
sock = "run/s.sock"
pid_file = "run/s.pid"
log_file = "run/s.log"
auto_start = {self.auto_start}
[host_api]
address = "vsock:0xffffffff"
port = {20000 + os.getpid() % 10000}
{extra}
""")

    def start(self):
        self.before_start()
        self.vmm = subprocess.Popen([VMM, "-c", "vmm.toml"], cwd=self.dir, stdout=self.log, stderr=self.log)
        wait_for(self.answers, "the vmm answers")

    def before_start(self):
        pass

    def answers(self):
        assert self.vmm.poll() is None, "the vmm ended: " + self.read_log()
        try:
            self.http("/")
            return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def read_log(self):
        with open(f"{self.dir}/vmm.log") as log:
            return log.read()

    def http(self, path, body=None, headers=None):
        request = urllib.request.Request(self.url + path, data=body, headers=headers or {})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read().decode()

    def call(self, method, **fields):
        return json.loads(self.http(f"/prpc/{method}?json", json.dumps(fields).encode()))

    def refused(self, method, fields, text):
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        try:
            self.http(f"/prpc/{method}?json", body)
        except urllib.error.HTTPError as error:
            assert error.code == 400, error.code
            message = json.loads(error.read())["error"]
            assert text in message, f"{text!r} is not in {message!r}"
            return
        raise AssertionError(f"{method} was not refused ({text})")

    def config(self, **changes):
        return {"name": "web", "image": "dstack-0.5.5", "compose_file": COMPOSE, "vcpu": 1, "memory": 1024,
                "disk_size": 1, **changes}

    def pid(self, vm_id):
        with open(f"{self.dir}/run/vm/{vm_id}/qemu.pid") as pid:
            return int(pid.read())

    def supervisor_pid(self):
        with open(f"{self.dir}/run/s.pid") as pid:
            return int(pid.read())

    def status(self, vm_id):
        return self.call("GetInfo", id=vm_id)["info"]["status"]

    def cli(self, *args):
        return subprocess.run([CLI, "--url", self.url, *args], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "HOME": self.dir})

    def close(self):
        if self.vmm.poll() is None:
            self.vmm.terminate()
            assert self.vmm.wait(timeout=10) == 0, self.read_log()
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(self.supervisor_pid(), signal.SIGTERM)
            wait_for(lambda: not alive(self.supervisor_pid()), "the supervisor ends")
        self.log.close()
        shutil.rmtree(self.dir)


class HostWithRelay(Host):
    """The supervisor is started here, and reached through a Relay."""

    auto_start = "false"

    def before_start(self):
        os.makedirs(f"{self.dir}/run")
        subprocess.run([SUPERVISOR, "--uds", "run/real.sock", "--pid-file", "run/s.pid", "--detach"], cwd=self.dir, check=True)
        wait_for(lambda: os.path.exists(f"{self.dir}/run/s.pid"), "the supervisor is there")
        self.relay = Relay(f"{self.dir}/run/s.sock", f"{self.dir}/run/real.sock")


def nothing_left(host):
    left = [name for name in os.listdir(f"{host.dir}/run/vm") if name != ".accelerator.json"]
    assert left == [], left
    assert host.call("Status")["vms"] == []


def test_bad_input(host):
    cases = [
        ({"name": "a/b"}, "invalid name 'a/b'"),
        ({"name": ""}, "invalid name"),
        ({"image": "dstack-9"}, "image dstack-9 not found"),
        ({"image": "../x"}, "invalid image name"),
        ({"compose_file": "services: {}"}, "compose_file"),
        ({"compose_file": json.dumps({**json.loads(COMPOSE), "docker_compose_file": "a: [b"})}, "no docker-compose file: line"),
        ({"compose_file": " " * (256 * 1024 + 1)}, "the guest reads at most"),
        ({"user_config": " " * (1024 * 1024 + 1)}, "user_config: 1048577 bytes"),
        ({"encrypted_env": "00" * (256 * 1024 + 1)}, "encrypted_env: 262145 bytes"),
        ({"vcpu": 0}, "invalid vcpu 0"),
        ({"memory": 0}, "invalid memory (MB) 0"),
        ({"disk_size": 0}, "invalid disk_size (GB) 0"),
        ({"app_id": "12"}, "invalid app id '12'"),
        ({"ports": [{"protocol": "tcp", "host_port": 20001, "vm_port": 1}]}, "port mapping is not allowed for tcp:20001"),
        ({"ports": [{"protocol": "tcp", "host_port": 80, "vm_port": 1, "host_address": "a,b"}]}, "invalid host address"),
        ({"ports": [{"protocol": "tcp", "host_port": 80, "vm_port": 1}] * 2}, "is taken by another mapping"),
        ({"kms_urls": ["https://k"] * 17}, "17 kms urls, but at most 16"),
        ({"compose_file": json.dumps({**json.loads(COMPOSE), "requirements": {}})}, "not implemented yet: "),
        ({"no_tee": True}, "not implemented yet: no_tee"),
        ({"simulated_tee": "dstack-tdx"}, "not implemented yet: simulated_tee"),
        ({"networks": [{"mode": "bridge", "bridge_name": "br0"}]}, "not implemented yet: networks"),
        ({"gpus": {"attach_mode": "all"}}, "gpus are disabled"),
    ]
    for changes, text in cases:
        host.refused("CreateVm", host.config(**changes), text)
    host.refused("CreateVm", b"{", "")
    host.refused("CreateVm", b" " * (10 * 1024 * 1024 + 1), "payload too large")
    for method in ("StartVm", "StopVm", "RemoveVm", "ShutdownVm"):
        host.refused(method, {"id": "00000000-0000-0000-0000-000000000000"}, "vm not found")
        host.refused(method, {"id": "../x"}, "invalid vm id")
    for method in ("UpgradeApp", "UpdateVm", "ResizeVm", "SvList", "SvStop", "SvRemove", "ListRegistryImages",
                   "PullRegistryImage", "DeleteImage", "ListGpus"):
        host.refused(method, {}, "not implemented yet: " + method)
    host.refused("Nothing", {}, "service not found")
    host.refused("GetAppEnvEncryptPubKey", {"app_id": "00" * 20}, "kms is not configured")
    assert host.call("GetInfo", id="none") == {"found": False, "info": None}
    nothing_left(host)


def test_failed_start_leaves_nothing(host):
    # TDX together with the user-space vsock device is not possible: the start fails after the directory was made.
    host.refused("CreateVm", host.config(), "failed to start vm: not implemented yet")
    nothing_left(host)
    made = [host.call("CreateVm", **host.config(stopped=True))["id"] for _ in range(2)]
    host.refused("StartVm", {"id": made[0]}, "failed to start vm")
    assert host.status(made[0]) == "stopped"
    for vm_id in made:
        assert host.call("RemoveVm", id=vm_id) is None
    nothing_left(host)


def test_config(host):
    def check(extra):
        write(f"{host.dir}/check.toml", extra)
        return subprocess.run([VMM, "-c", "check.toml", "check-config"], cwd=host.dir, capture_output=True, text=True, timeout=20)
    qemu = f'[cvm]\nqemu_path = "{host.dir}/bin/qemu"\n'
    for good in ("2000", '"1MiB"', '"1kB"', '"2M"', '"0x1000"'):
        run = check(f"[limits]\nCreateVm = {good}\n{qemu}")
        assert run.returncode == 0, (good, run)
    for bad in ("true", "0", '"lots"', '"1TiB"', '"MiB"', '"-1kB"', "[1]"):
        run = check(f"[limits]\nCreateVm = {bad}\n{qemu}")
        assert run.returncode == 1 and "limits.CreateVm" in run.stderr, (bad, run)
    run = check(qemu + "kms_urls = [" + '"https://k",' * 17 + "]\n")
    assert run.returncode == 1 and "cvm.kms_urls" in run.stderr, run
    run = check(qemu + "[supervisor]\ndetached = false\n")
    assert run.returncode == 0 and "supervisor.detached = false has no effect" in run.stderr, run
    host.refused("CreateVm", b" " * (2 * 1024 * 1024 + 1), "payload too large")


def test_versions(host):
    del host
    for program, name in ((VMM, "dstack-vmm"), (SUPERVISOR, "supervisor")):
        short, long = (subprocess.run([program, option], capture_output=True, text=True, timeout=20).stdout
                       for option in ("-V", "--version"))
        assert short.startswith(name + " ") and "(" not in short, short
        assert long.startswith(name + " v") and "(git:" in long, long


def test_files(host):
    vm_id = host.call("CreateVm", **host.config(stopped=True, encrypted_env="abcd", user_config="hello",
                                                ports=[{"protocol": "tcp", "host_port": 8080, "vm_port": 80}]))["id"]
    shared = f"{host.dir}/run/vm/{vm_id}/shared"
    with open(f"{shared}/app-compose.json") as compose:
        assert compose.read() == COMPOSE
    with open(f"{shared}/.encrypted-env", "rb") as env:
        assert env.read() == b"\xab\xcd"
    assert os.stat(f"{shared}/.user-config").st_mode & 0o777 == 0o600
    info = host.call("GetInfo", id=vm_id)["info"]
    app_id = hashlib.sha256(COMPOSE.encode()).hexdigest()[:40]
    assert (info["status"], info["app_id"], info["uptime"], info["instance_id"]) == ("stopped", app_id, "never", None), info
    assert info["configuration"]["compose_file"] == COMPOSE and info["configuration"]["encrypted_env"] == "abcd"
    host.refused("CreateVm", host.config(ports=[{"protocol": "tcp", "host_port": 8080, "vm_port": 81}]), "is taken by vm web")
    assert host.call("GetComposeHash", **host.config())["hash"][:40] == app_id
    assert host.call("Status", keyword="none")["total"] == 0
    assert host.call("Status", page=2, page_size=1) == {"vms": [], "port_mapping_enabled": True, "total": 1}
    image = host.call("ListImages")["images"][0]
    assert (image["name"], image["version"], image["is_dev"]) == ("dstack-0.5.5", "0.5.5", False)
    host.call("RemoveVm", id=vm_id)


def test_interrupted_calls_are_cleaned_up(host):
    vm_id = host.call("CreateVm", **host.config(stopped=True))["id"]
    host.vmm.kill()
    host.vmm.wait()
    os.makedirs(f"{host.dir}/run/vm/.creating-x/shared")
    write(f"{host.dir}/run/vm/{vm_id}/.removing", "")
    host.start()
    nothing_left(host)


def test_console_and_logs(host):
    vm_id = host.call("CreateVm", **host.config(stopped=True, name="a$(b)"))["id"]
    assert "a$(b)" in host.http("/")
    write(f"{host.dir}/run/vm/{vm_id}/serial.log", "\x1b[31mone\x1b[0m\r\ntwo\nthree\n")
    assert host.http(f"/logs?id={vm_id}&lines=2") == "two\nthree\n"
    assert host.http(f"/logs?id={vm_id}") == "one\ntwo\nthree\n"
    assert host.http(f"/logs?id={vm_id}&ansi=true&lines=99").startswith("\x1b[31mone")
    assert host.http(f"/logs?id={vm_id}&lines=0") == host.http(f"/logs?id={vm_id}&ch=stderr") == ""
    for query, code in (("", 422), ("id=..%2F..%2Fx", 404), (f"id={vm_id}&ch=x", 400), (f"id={vm_id}&follow=2", 422)):
        try:
            host.http("/logs?" + query)
            raise AssertionError(query)
        except urllib.error.HTTPError as error:
            assert error.code == code, (query, error.code)
    with urllib.request.urlopen(f"{host.url}/logs?id={vm_id}&follow&lines=1", timeout=20) as stream:
        assert stream.readline() == b"three\n"
        with open(f"{host.dir}/run/vm/{vm_id}/serial.log", "a") as log:
            log.write("four\n")
        assert stream.readline() == b"four\n"
        write(f"{host.dir}/run/vm/{vm_id}/serial.log", "anew\n")
        assert stream.readline() == b"anew\n"
    host.call("RemoveVm", id=vm_id)


def test_cli(host):
    write(f"{host.dir}/dc.yaml", "services:\n  web:\n    image: nginx\n")
    run = host.cli("deploy", f"{host.dir}/dc.yaml", "-n", "first", "--port", "8081:80", "--stopped")
    assert run.returncode == 0, run.stderr
    vm_id = run.stdout.split("Created VM with ID: ")[1].split()[0]
    assert "App ID: " in run.stdout and "app :80 -> http://127.0.0.1:8081/" in run.stdout
    assert "\x1b" not in run.stdout
    second = json.loads(host.cli("--json", "deploy", f"{host.dir}/dc.yaml", "-n", "second", "--stopped").stdout)["vmId"]
    listing = host.cli("list", "-v").stdout
    assert vm_id in listing and "┌" in listing and "1024MB" in listing
    assert [vm["name"] for vm in json.loads(host.cli("list", "--json").stdout)] == ["first", "second"]
    assert json.loads(host.cli("inspect", second[:8], "--json").stdout)["name"] == "second"
    assert "Status:         stopped" in host.cli("inspect", "first").stdout
    for args, code, text in ((("inspect", "none"), 1, "no VM is named 'none'"), (("inspect", ""), 1, "no VM"),
                             (("frobnicate",), 2, "unknown verb"), (("logs",), 2, "expected the name"),
                             (("deploy", f"{host.dir}/none.yaml"), 1, "no such file"),
                             (("deploy", f"{host.dir}/vmm.toml", "--stopped"), 1, "no docker-compose file"),
                             (("deploy", f"{host.dir}/dc.yaml", "-n", "a/b"), 1, "invalid name 'a/b'"),
                             (("stop", "first"), 1, "see --force"), (("--url", "http://127.0.0.1:1", "list"), 1, "name another with --url or DSTACK_VMM_URL")):
        run = host.cli(*args)
        assert run.returncode == code and text in run.stderr, (args, run)
    write(f"{host.dir}/env", "A=secret-value\n")
    run = host.cli("deploy", f"{host.dir}/dc.yaml", "--kms", "--env-file", f"{host.dir}/env", "--stopped")
    assert run.returncode == 1 and "kms is not configured" in run.stderr and "secret-value" not in run.stdout + run.stderr
    for name in ("first", "second"):
        assert host.cli("remove", name).returncode == 0
    assert host.cli("list").stdout == "No VMs found\n"


def test_auth(host):
    def code(path="/prpc/Version?json", **headers):
        try:
            host.http(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            return 200
        except urllib.error.HTTPError as error:
            return error.code
    basic = "Basic " + base64.b64encode(b"user:token-1").decode()
    assert code() == code("/") == code("/logs") == code("/prpc/Version?token=x") == 401
    assert code(X_Admin_Token="token-1") == code(Authorization="Bearer token-1") == code(Authorization=basic) == 200
    assert code("/prpc/Version?token=token-1") == 200
    assert code("/prpc/Version?token=token-1", Authorization="Bearer x") == 401


def test_other_web_sites_are_refused(host):
    def code(path="/prpc/Version?json", **headers):
        try:
            host.http(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            return 200
        except urllib.error.HTTPError as error:
            return error.code
    vm_id = host.call("CreateVm", **host.config(stopped=True))["id"]
    assert code(f"/prpc/RemoveVm?id={vm_id}", Sec_Fetch_Site="cross-site") == 403
    assert code(f"/prpc/RemoveVm?id={vm_id}", Origin="http://evil.example") == 403
    assert code(Host="evil.example") == code("/", Host="evil.example") == 403
    assert code(Sec_Fetch_Site="same-origin") == code(Host="localhost:1") == code("/", Sec_Fetch_Site="cross-site") == 200
    host.call("RemoveVm", id=vm_id)
    assert "IS OPEN TO EVERY GUEST" in host.read_log()


def test_restarts(host):
    vm_id = host.call("CreateVm", **host.config())["id"]
    assert host.status(vm_id) == "running"
    pid = host.pid(vm_id)
    host.refused("RemoveVm", {"id": vm_id}, "vm is running, stop it first")
    # The VMM is killed: the VM runs on and is found again.
    host.vmm.kill()
    host.vmm.wait()
    assert alive(pid)
    host.start()
    assert host.status(vm_id) == "running" and host.pid(vm_id) == pid
    assert host.call("GetInfo", id=vm_id)["info"]["boot_progress"] == "running"
    # The supervisor is killed: the VM runs on, the next call starts another supervisor, which takes it over.
    old = host.supervisor_pid()
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: not alive(old), "the supervisor is gone")
    assert alive(pid)
    assert host.status(vm_id) == "running" and host.pid(vm_id) == pid and host.supervisor_pid() != old
    # Both at once.
    os.kill(host.supervisor_pid(), signal.SIGKILL)
    host.vmm.kill()
    host.vmm.wait()
    host.start()
    assert host.status(vm_id) == "running" and host.pid(vm_id) == pid
    # QEMU is killed: it is started again.
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: host.pid(vm_id) != pid and host.status(vm_id) == "running", "the vm is restarted")
    pid = host.pid(vm_id)
    # A stopped VM stays stopped, and nothing of it is left after its removal.
    host.call("StopVm", id=vm_id)
    assert not alive(pid) and host.status(vm_id) == "stopped"
    time.sleep(2.5)
    assert host.status(vm_id) == "stopped"
    host.call("StartVm", id=vm_id)
    host.call("StopVm", id=vm_id)
    host.call("RemoveVm", id=vm_id)
    nothing_left(host)


def test_logs_stay_bounded(host):
    vm_id = host.call("CreateVm", **host.config())["id"]
    dir = f"{host.dir}/run/vm/{vm_id}"
    wait_for(lambda: os.path.getsize(f"{dir}/serial.log") > 0, "qemu printed")
    with open(f"{dir}/serial.log", "a") as serial, open(f"{dir}/stderr.log", "a") as stderr:
        for log, name in ((serial, "serial.log"), (stderr, "stderr.log")):
            for _ in range(3):
                log.write("x" * 5000)
                log.flush()
                wait_for(lambda: os.path.getsize(f"{dir}/{name}") < 1000, name + " is rotated")
    sizes = {name: os.path.getsize(f"{dir}/{name}") for name in os.listdir(dir) if ".log" in name}
    assert max(sizes.values()) <= 1000 and "serial.log.2" in sizes and "serial.log.3" not in sizes, sizes
    host.call("StopVm", id=vm_id)
    host.call("StartVm", id=vm_id)
    assert "===== boot @ " in host.http(f"/logs?id={vm_id}")
    host.call("StopVm", id=vm_id)
    host.call("RemoveVm", id=vm_id)
    nothing_left(host)


def test_faulty_vm(host):
    running, stopped = (host.call("CreateVm", **host.config(stopped=stop))["id"] for stop in (False, True))
    host.vmm.kill()
    host.vmm.wait()
    os.rename(f"{host.dir}/images/dstack-0.5.5", f"{host.dir}/images/away")
    write(f"{host.dir}/run/vm/{stopped}/vm-manifest.json", "{")
    os.makedirs(f"{host.dir}/run/vm/no-vm-at-all")
    host.start()
    infos = {vm["id"]: vm for vm in host.call("Status")["vms"]}
    assert set(infos) == {running, stopped}, infos
    assert infos[running]["status"] == "running" and "image dstack-0.5.5 not found" in infos[running]["boot_error"], infos
    assert infos[stopped]["status"] == "stopped" and infos[stopped]["boot_error"], infos
    host.refused("StartVm", {"id": running}, "can not be loaded: image dstack-0.5.5 not found")
    pid = host.pid(running)
    host.call("StopVm", id=running)
    assert not alive(pid)
    # Once mended, it is as before.
    os.rename(f"{host.dir}/images/away", f"{host.dir}/images/dstack-0.5.5")
    assert host.call("ReloadVms") == {"loaded": 0, "updated": 1, "removed": 0}
    host.call("StartVm", id=running)
    assert host.call("GetInfo", id=running)["info"]["boot_error"] == ""
    shutil.move(f"{host.dir}/run/vm/{running}", f"{host.dir}/away")
    pid = int(open(f"{host.dir}/away/qemu.pid").read())
    assert host.call("ReloadVms")["removed"] == 1
    assert not alive(pid)
    shutil.move(f"{host.dir}/away", f"{host.dir}/run/vm/{running}")
    assert host.call("ReloadVms")["loaded"] == 1
    for vm_id in (running, stopped):
        if host.status(vm_id) == "running":
            host.call("StopVm", id=vm_id)
        host.call("RemoveVm", id=vm_id)
    os.rmdir(f"{host.dir}/run/vm/no-vm-at-all")
    nothing_left(host)


def test_lost_supervisor(host):
    """The start arrives, its answer does not, and then nobody answers: nothing of the VM may stay."""
    host.relay.lose_answer_to = b"POST /deploy"
    host.refused("CreateVm", host.config(), "failed to start vm")
    (vm_id,) = (name for name in os.listdir(f"{host.dir}/run/vm") if not name.startswith("."))
    pid = host.pid(vm_id)
    assert alive(pid)
    host.refused("StartVm", {"id": vm_id}, "is being removed")
    host.relay.lose_answer_to, host.relay.dead = None, False
    wait_for(lambda: not host.call("GetInfo", id=vm_id)["found"], "the vm is removed after all")
    assert not alive(pid)
    nothing_left(host)
    # The same with a VM that exists: it is stopped, not removed.
    vm_id = host.call("CreateVm", **host.config(stopped=True))["id"]
    host.relay.lose_answer_to = b"POST /deploy"
    host.refused("StartVm", {"id": vm_id}, "failed to start vm")
    pid = host.pid(vm_id)
    host.relay.lose_answer_to, host.relay.dead = None, False
    wait_for(lambda: not alive(pid), "the process nobody knows of is ended")
    assert host.status(vm_id) == "stopped"
    host.call("StartVm", id=vm_id)
    host.call("StopVm", id=vm_id)
    host.call("RemoveVm", id=vm_id)
    nothing_left(host)


def test_memory(host):
    for process in (host.vmm.pid, host.supervisor_pid()):
        with open(f"/proc/{process}/maps") as maps:
            if "libasan" in maps.read():
                return  # a sanitizer's own memory is not ours
        with open(f"/proc/{process}/status") as status:
            rss = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        assert rss < 16 * 1024, f"{rss} kB"


# Tests share a host; TDX does not go together with the user-space vsock device, which is how a start is made to fail.
GROUPS = [
    (Host, "user", "", [test_config, test_versions, test_bad_input, test_failed_start_leaves_nothing, test_files, test_interrupted_calls_are_cleaned_up,
                        test_console_and_logs, test_other_web_sites_are_refused, test_cli, test_memory]),
    (Host, "user", '[auth]\nenabled = true\ntokens = ["token-1"]\n', [test_auth]),
    (Host, "vhost", "", [test_restarts, test_logs_stay_bounded, test_faulty_vm]),
    (HostWithRelay, "vhost", "", [test_lost_supervisor]),
]


def run_group(kind, vsock, extra, tests, number):
    """Returns how many failed."""
    failed = 0
    host = kind(vsock, extra)
    try:
        for test in tests:
            number += 1
            try:
                test(host)
                print(f"ok {number} {test.__name__}", flush=True)
            except Exception as error:  # one test's failure is not the others'
                failed += 1
                print(f"not ok {number} {test.__name__}: {error!r}", flush=True)
                sys.stderr.write(host.read_log())
    finally:
        host.close()
    return failed


def main():
    print(f"1..{sum(len(tests) for *_, tests in GROUPS)}", flush=True)
    number, failed = 0, 0
    for kind, vsock, extra, tests in GROUPS:
        failed += run_group(kind, vsock, extra, tests, number)
        number += len(tests)
    return 1 if failed else 0


sys.exit(main())
