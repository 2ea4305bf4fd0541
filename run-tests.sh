#!/usr/bin/env bash
# Runs the tests of every SDK against the simulator, which it builds and starts as an ordinary process in a temporary directory.
#
#   ./run-tests.sh              all SDKs
#   ./run-tests.sh python js    these
#
# What it starts it ends. Closes with one line `N passed, N failed`, counted in SDKs; exit 1 when one failed.
set -uo pipefail
cd "$(dirname "$0")"
root=$PWD

all_sdks=(python js go rust c curl)
start_seconds=20

say() { printf 'run-tests: %s\n' "$*"; }
fail() { printf 'run-tests: error: %s\n' "$*" >&2; exit 1; }

# --- the simulator

work= simulator_pid=
clean_up() {
  if [ -n "$simulator_pid" ]; then kill "$simulator_pid" 2>/dev/null; wait "$simulator_pid" 2>/dev/null; fi
  [ -z "$work" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

start_simulator() {
  make --no-print-directory simulator || fail "the simulator does not build"
  work=$(mktemp -d)
  cp sdk/simulator/dstack-simulator sdk/simulator/*.toml sdk/simulator/*.json "$work"
  (cd "$work" && exec ./dstack-simulator >simulator.log 2>&1) &
  simulator_pid=$!
  local deadline=$((SECONDS + start_seconds))
  until [ -S "$work/dstack.sock" ] && [ -S "$work/tappd.sock" ]; do
    kill -0 "$simulator_pid" 2>/dev/null || { cat "$work/simulator.log" >&2; fail "the simulator ended"; }
    [ "$SECONDS" -lt "$deadline" ] || fail "the simulator has no sockets after $start_seconds s"
    sleep 0.1
  done
  export DSTACK_SIMULATOR_ENDPOINT=$work/dstack.sock TAPPD_SIMULATOR_ENDPOINT=$work/tappd.sock
  export DSTACK_SIMULATOR=$root/sdk/simulator/dstack-simulator
}

# --- the SDKs

need() { # TOOL HINT
  command -v "$1" >/dev/null && return 0
  say "$1 is missing: $2" >&2
  return 1
}

test_python() {
  need python3 "apt-get install python3 python3-venv" || return 1
  make -C sdk/python --no-print-directory test lint
}

test_js() {
  need node "install Node.js 18 or later, with npm" && need npm "install Node.js 18 or later, with npm" || return 1
  make -C sdk/js --no-print-directory test lint
}

test_go() {
  need go "install Go 1.23 or later" || return 1
  (
    set -e
    cd sdk/go
    go vet -tags ethereum,solana ./...
    unformatted=$(gofmt -l .)
    [ -z "$unformatted" ] || { echo "gofmt would change: $unformatted" >&2; exit 1; }
    go test -count=1 ./...
    go test -count=1 -tags ethereum,solana ./...
  )
}

test_rust() {
  need cargo "install Rust with rustup" || return 1
  (
    set -e
    export CARGO_TARGET_DIR=$root/build/sdk/rust
    cd sdk/rust
    cargo fmt --check
    cargo clippy --quiet --workspace --all-targets -- -D warnings
    cargo test --workspace
    cargo test -p dstack-sdk-types --no-default-features
    for example in examples/*.rs; do cargo run --quiet --example "$(basename "$example" .rs)" >/dev/null; done
  )
}

test_c() {
  need meson "apt-get install meson" && need pkg-config "apt-get install pkg-config" || return 1
  (
    set -e
    objects=build/obj
    mapfile -t tests < <(meson test -C "$objects" --list | sed -n 's/.* \(sdk-c-[a-z-]*\)$/\1/p')
    [ ${#tests[@]} -gt 0 ] || { echo "there are no tests" >&2; exit 1; }
    meson test -C "$objects" --print-errorlogs "${tests[@]}"
  )
}

test_curl() {
  need curl "apt-get install curl" || return 1
  sdk/curl/run-commands
}

sdks=("$@")
[ $# -gt 0 ] || sdks=("${all_sdks[@]}")
for sdk in "${sdks[@]}"; do
  [[ " ${all_sdks[*]} " == *" $sdk "* ]] || fail "there is no SDK $sdk: have ${all_sdks[*]}"
done

start_simulator
passed=0 failed=0
for sdk in "${sdks[@]}"; do
  say "sdk/$sdk"
  if [ -d "sdk/$sdk" ] && "test_$sdk"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    say "sdk/$sdk: FAILED"
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
