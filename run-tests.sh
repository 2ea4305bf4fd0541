#!/usr/bin/env bash
# Runs the tests of every SDK against the simulator, which it builds and starts as an ordinary process in a temporary directory.
#
#   ./run-tests.sh              all SDKs
#   ./run-tests.sh python js    these
#   ./run-tests.sh --help       what there is, and what this machine lacks for it
#
# First says what the machine lacks and how to install it. What it starts it ends. Closes with one line `N passed, N failed`,
# counted in SDKs; exit 1 when one failed or can't be run.
set -uo pipefail
cd "$(dirname "$0")"
root=$PWD

all_sdks=(python js go rust c curl)
start_seconds=20

say() { printf 'run-tests: %s\n' "$*"; }
fail() { printf 'run-tests: error: %s\n' "$*" >&2; exit 1; }

# --- what the SDKs need

lacks() { # WHAT HOW
  missing+=("  sdk/$sdk needs $1: $2")
}

need() { # TOOL LEAST_VERSION HOW: TOOL --version (go: version) says its version first
  local have
  have=$("$1" "$([ "$1" = go ] && echo version || echo --version)" 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -1)
  [ -n "$have" ] && [ "$(printf '%s\n' "$2" "$have" | sort -V | head -1)" = "$2" ] || lacks "$1 $2 or later${have:+, not $have}" "$3"
}

needs_python() {
  need python3 3.10 "apt-get install python3"
  python3 -c 'import ensurepip, venv' 2>/dev/null || lacks "python's venv" "apt-get install python3-venv"
}

needs_js() {
  need node 18.0 "apt-get install nodejs"
  need npm 8.0 "apt-get install npm"
}

needs_go() {
  need go 1.23 "apt-get install -t bookworm-backports golang-go, or https://go.dev/doc/install"
}

needs_rust() {
  need cargo 1.85 "https://rustup.rs"
  cargo fmt --version >/dev/null 2>&1 || lacks "cargo fmt" "rustup component add rustfmt"
  cargo clippy --version >/dev/null 2>&1 || lacks "cargo clippy" "rustup component add clippy"
}

needs_c() {
  need meson 0.63 "apt-get install meson"
  need pkg-config 0.29 "apt-get install pkg-config"
}

needs_curl() {
  need curl 7.40 "apt-get install curl"
  need python3 3.10 "apt-get install python3"
}

# Fills `missing` with what the SDKs lack, and `able` with those that lack nothing.
look_around() { # SDK...
  missing=() able=()
  local before
  for sdk in "$@"; do
    before=${#missing[@]}
    "needs_$sdk"
    [ "${#missing[@]}" != "$before" ] || able+=("$sdk")
  done
}

usage() {
  sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
  look_around "${all_sdks[@]}"
  echo "SDKs: ${all_sdks[*]}"
  [ ${#missing[@]} -eq 0 ] || printf 'this machine lacks:\n%s\n' "$(printf '%s\n' "${missing[@]}")"
  exit 0
}

# --- the simulator

work= simulator_pid=
clean_up() {
  if [ -n "$simulator_pid" ]; then kill "$simulator_pid" 2>/dev/null; wait "$simulator_pid" 2>/dev/null; fi
  [ -z "$work" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

start_simulator() {
  make --no-print-directory simulator || fail "the simulator does not build; scripts/install-deps --build, as root, installs what it needs"
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

test_python() {
  make -C sdk/python --no-print-directory test lint
}

test_js() {
  make -C sdk/js --no-print-directory test lint
}

test_go() {
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
  (
    set -e
    objects=build/obj
    mapfile -t tests < <(meson test -C "$objects" --list | sed -n 's/.* \(sdk-c-[a-z-]*\)$/\1/p')
    [ ${#tests[@]} -gt 0 ] || { echo "there are no tests" >&2; exit 1; }
    meson test -C "$objects" --print-errorlogs "${tests[@]}"
  )
}

test_curl() {
  sdk/curl/run-commands
}

case ${1:-} in -h | --help) usage ;; esac
sdks=("$@")
[ $# -gt 0 ] || sdks=("${all_sdks[@]}")
for sdk in "${sdks[@]}"; do
  [[ " ${all_sdks[*]} " == *" $sdk "* ]] || fail "there is no SDK $sdk: have ${all_sdks[*]}"
done

look_around "${sdks[@]}"
if [ ${#missing[@]} -gt 0 ]; then
  printf 'run-tests: error: this machine lacks something\n' >&2
  printf '%s\n' "${missing[@]}" >&2
  [ ${#able[@]} -eq 0 ] || say "without that: ./run-tests.sh ${able[*]}" >&2
  exit 1
fi

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
