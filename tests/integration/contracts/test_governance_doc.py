#!/usr/bin/env python3
"""Runs every command of docs/governance.md, in order, on ports of this test's own, and compares the answers it tells of.

usage: test_governance_doc.py DSTACK DSTACK_AUTH_ETH    (prints TAP; skips when the contracts were not built)
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

PROGRAMS = [os.path.abspath(path) for path in sys.argv[1:3]]
SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
NEEDED = ["kms/auth-eth/node_modules/.bin/anvil", "kms/auth-eth/build/forge/DstackKms.sol/DstackKms.json"]
# The answers of `ask`, in the order of the page.
ANSWERS = ["false", "OS image is not allowed", "true", "", "false", "Compose hash not allowed", "false", "Device not allowed", "true", "",
           "false", "Compose hash not allowed"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def script():
    with open(os.path.join(SOURCE, "docs/governance.md")) as page:
        blocks = re.findall(r"^```sh\n(.*?)^```", page.read(), re.S | re.M)
    text = "".join(blocks)
    for done in ("make build\n", "make contracts\n"):
        assert done in text
        text = text.replace(done, "")
    # Waiting takes longer on a busy machine, and answers are marked.
    text = text.replace("anvil --silent --port 8545 &\n", "anvil --silent --port 8545 &\nwait_for 8545\n").replace("sleep 1\n", "wait_for 8000\n")
    text = text.replace("| jq -r '.isAllowed, .reason'", "| jq -r '\"answer: \" + (.isAllowed | tostring), \"answer: \" + .reason'")
    return text.replace("8545", free_port()).replace("8000", free_port())


PRELUDE = """set -euo pipefail
trap 'kill 0' ERR
wait_for() { for i in $(seq 600); do (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null && return; sleep 0.1; done; return 1; }
"""


def run(directory):
    os.makedirs(os.path.join(directory, "build/bin"))
    for program in PROGRAMS:
        os.symlink(program, os.path.join(directory, "build/bin", os.path.basename(program)))
    for name in ("kms", "examples"):
        os.symlink(os.path.join(SOURCE, name), os.path.join(directory, name))
    environment = {"PATH": os.environ["PATH"], "HOME": directory}
    process = subprocess.Popen(["bash", "-c", PRELUDE + script() + "echo the page ends here\n"], cwd=directory, env=environment, text=True, start_new_session=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(os.path.join(directory, "log"), "w"))
    lines, line = [], ""
    try:
        # What was started in the background holds the pipe open: read to the last line, not to the end.
        for line in process.stdout:
            if line == "the page ends here\n":
                break
            lines.append(line.rstrip("\n"))
    finally:
        os.killpg(process.pid, signal.SIGTERM)
    status = 0 if line == "the page ends here\n" else 1
    process.wait(30)
    return status, lines


def main():
    if not all(os.path.exists(os.path.join(SOURCE, path)) for path in NEEDED) or not all(map(shutil.which, ("jq", "curl", "node"))):
        print("1..0 # SKIP the contracts are not built: scripts/contracts")
        return 0
    print("1..2", flush=True)
    directory = tempfile.mkdtemp(prefix="dstack-governance-")
    try:
        status, lines = run(directory)
        answers = [line[len("answer: "):] for line in lines if line.startswith("answer: ")]
        print(f"{'ok' if status == 0 else 'not ok'} 1 every command succeeds")
        print(f"{'ok' if answers == ANSWERS else 'not ok'} 2 the answers are those the page tells")
        if status != 0 or answers != ANSWERS:
            with open(os.path.join(directory, "log")) as log:
                print("# " + "\n# ".join([f"status {status}, answers {answers}", *lines[-20:], *log.read().splitlines()[-20:]]))
            return 1
    finally:
        shutil.rmtree(directory)
    return 0


sys.exit(main())
