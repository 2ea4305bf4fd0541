#!/usr/bin/env python3
"""The real command line against doubles of a VMM and a KMS.

usage: test_cli.py DSTACK    (prints TAP)
"""
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading

CLI = os.path.abspath(sys.argv[1])
# The spec's vector: an undated signature over the app id of zeros.
KEY = "e33a1832c6562067ff8f844a61e51ad051f1180b66ec2551fb0251735f3ee90a"
SIGNATURE = ("8542c49081fbf4e03f62034f13fbf70630bdf256a53032e38465a27c36fd6bed"
             "7a5e7111652004aef37f7fd92fbfc1285212c4ae6a6154203a48f5e16cad2cef00")
SIGNER = "0217610d74cbd39b6143842c6d8bc310d79da1d82cc9d17f8876376221eda0c38f"
VM_ID = "6e7c2a2e-95d8-4f66-8b4c-f4f2f44d7a10"


class Double:
    """Answers JSON calls by the method's name: a value, or a list of which each call takes one and the last stays."""

    def __init__(self, **answers):
        self.calls = []
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                method = self.path.split("?")[0].rsplit("/", 1)[1]
                double.calls.append((method, json.loads(body or b"null"), dict(self.headers)))
                answer = answers.get(method)
                if isinstance(answer, list):
                    answer = answer.pop(0) if len(answer) > 1 else answer[0]
                self.reply(200 if method in answers else 400, json.dumps(answer if method in answers else {"error": "no"}))

            def do_GET(self):
                self.reply(200, "console line\n")

            def reply(self, status, text):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def called(self, method):
        return [body for name, body, _ in self.calls if name == method]

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()


def cli(url, *args, **env):
    with tempfile.TemporaryDirectory() as home:
        return subprocess.run([CLI, "--url", url, *args], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "HOME": home, **env})


def info(progress="booting", error="", status="running", events=()):
    return {"found": True, "info": {"id": VM_ID, "name": "web", "status": status, "boot_progress": progress,
                                    "boot_error": error, "image_version": "0.5.5",
                                    "events": [{"event": name, "body": body, "timestamp": time}
                                               for time, name, body in events]}}


def test_key_comes_from_the_named_kms(directory):
    with open(f"{directory}/dc.yaml", "w") as out:
        out.write("services:\n  web:\n    image: nginx\n")
    with open(f"{directory}/env", "w") as out:
        out.write("A=secret-value\n")
    deploy = ("deploy", f"{directory}/dc.yaml", "--image", "i", "--kms", "--env-file", f"{directory}/env", "--app-id", "00" * 20,
              "--kms-signer", SIGNER)
    key = {"public_key": KEY, "signature": SIGNATURE, "timestamp": 0, "signature_v1": ""}
    with Double(CreateVm={"id": VM_ID}) as vmm, Double(GetAppEnvEncryptPubKey=key) as kms:
        # The VMM has no key to give: it must come from the KMS itself, which gets no credentials of the VMM's.
        run = cli(vmm.url, *deploy, "--kms-url", kms.url + "/ignored", DSTACK_VMM_TOKEN="token-of-the-vmm")
        assert run.returncode == 0, run
        assert "signed without a date" in run.stderr and f"from {kms.url}" in run.stdout, run
        assert vmm.called("GetAppEnvEncryptPubKey") == [] and kms.called("GetAppEnvEncryptPubKey") == [{"app_id": "00" * 20}]
        assert "token-of-the-vmm" not in str(kms.calls)
        (request,) = vmm.called("CreateVm")
        assert len(request["encrypted_env"]) > 120 and "secret-value" not in json.dumps(request)
        assert cli(vmm.url, *deploy, "--kms-encrypt-url", kms.url).returncode == 0
        assert vmm.called("CreateVm")[1]["kms_urls"] == []
        run = cli(vmm.url, *deploy, "--kms-url", kms.url, "--require-dated-key")
        assert run.returncode == 1 and "signed without a date" in run.stderr, run
        assert len(vmm.called("CreateVm")) == 2
        assert cli(vmm.url, *deploy).returncode == 1 and vmm.called("GetAppEnvEncryptPubKey")
        run = cli(vmm.url, *(word for word in deploy if word != "--kms"), "--kms-url", kms.url)
        assert run.returncode == 1 and "--env-file needs --kms" in run.stderr and len(vmm.called("CreateVm")) == 2, run


def wait_for(infos, *, verb="start"):
    with Double(Status={"vms": [{"id": VM_ID, "name": "web"}], "total": 1}, StartVm=None,
                GetInfo=[info(status="stopped", events=[(1, "boot.progress", "starting containers"), (2, "boot.error", "old")]),
                         *infos]) as vmm:
        return cli(vmm.url, verb, "web", "--wait", "--timeout", "3")


def test_wait(directory):
    progress, failure = "boot.progress", "boot.error"
    gateway = [(3, progress, "setting up dstack-gateway"), (3, failure, "no gateway")]
    # An error that the guest gets over is a warning.
    run = wait_for([info("setting up docker", "no gateway", events=gateway), info("done", "no gateway", events=[*gateway, (4, progress, "done")])])
    assert run.returncode == 0 and "warning: no gateway" in run.stderr and "old" not in run.stderr, run
    # Where the app is started it is the end.
    app = [(5, progress, "starting containers"), (6, failure, "failed to start containers")]
    run = wait_for([info("starting containers", "failed to start containers", events=app)])
    assert run.returncode == 1 and "boot failed: failed to start containers" in run.stderr, run
    assert "console line" in run.stderr, run
    # A VMM that was restarted knows only that the VM runs.
    assert wait_for([info("running")]).returncode == 0
    run = wait_for([info("booting", status="exited")])
    assert run.returncode == 1 and "the vm is exited" in run.stderr, run
    run = wait_for([info("setting up docker", "no gateway", events=gateway)])
    assert run.returncode == 1 and "not up after 3 s" in run.stderr and "last error: no gateway" in run.stderr, run


def main():
    tests = [test_key_comes_from_the_named_kms, test_wait]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            with tempfile.TemporaryDirectory() as directory:
                test(directory)
            print(f"ok {number} {test.__name__}", flush=True)
        except Exception as error:  # one test's failure is not the others'
            failed += 1
            print(f"not ok {number} {test.__name__}: {error!r}", flush=True)
    return 1 if failed else 0


sys.exit(main())
