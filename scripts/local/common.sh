# What the parts of the local stack share: places, messages, processes. Sourced, not run.

readonly project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly bin=$project/build/bin
# Two stacks: the one that a person runs, and the one of demo and test, which begins and ends with nothing. They share no file and
# no port, so neither disturbs the other.
readonly stack=${stack:-local}
case $stack in
local) suffix='' port_base=12000 console_port=9080 wireguard_net=10.44 ;;
demo) suffix=-demo port_base=13000 console_port=9180 wireguard_net=10.45 ;;
esac
# Outside of the source tree, since the daemons' unprivileged users must be able to enter it.
readonly state=${DSTACK_LOCAL_DIR:-/var/lib/dstack-local}$suffix
readonly image_name=dstack-dev-0.5.5
readonly image_dir=$project/build/image/$image_name

# All on loopback; guests reach them at 10.0.2.2, QEMU's name for the host.
readonly host_ip=10.0.2.2
readonly registry_port=$port_base kms_port=$((port_base + 1)) gateway_port=$((port_base + 2)) admin_port=$((port_base + 3))
readonly proxy_port=$((port_base + 443)) wireguard_port=$((port_base + 820)) console_port
readonly base_domain=app.localhost
readonly wireguard_interface=dstack-$stack wireguard_net

started_at=$(date +%s%N)
stage_at=$started_at
stage_name=

seconds_since() { awk -v a="$1" -v b="$(date +%s%N)" 'BEGIN { printf "%.1f", (b - a) / 1e9 }'; }

# Ends the running stage, telling its time, and begins the next. With no name only ends.
stage() {
  [ -z "$stage_name" ] || printf '  %-44s %6s s\n' "$stage_name" "$(seconds_since "$stage_at")"
  stage_name=${1:-}
  stage_at=$(date +%s%N)
}

# A random token that only root can read, made once. Apps reach this machine's loopback at $host_ip, so nothing there is open.
token() { # NAME
  mkdir -p "$state/tokens"
  [ -s "$state/tokens/$1" ] || (umask 077 && od -An -tx1 -N32 /dev/urandom | tr -d ' \n' >"$state/tokens/$1")
  cat "$state/tokens/$1"
}

say() { printf '%s\n' "$*"; }
fail() {
  printf '\nfailed at "%s": %s\n' "$stage_name" "$*" >&2
  exit 1
}

# ---- processes: each daemon has a pid file and a log ----

pid_of() { cut -d ' ' -f 1 "$state/run/$1.pid" 2>/dev/null || true; }

# When a process that still lives began, in clock ticks since boot: the same from its fork on, over every exec.
start_time_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'; }

# A pid file alone proves nothing: the number may belong to somebody else by now.
is_running() { # NAME
  local pid started
  read -r pid started 2>/dev/null <"$state/run/$1.pid" || return 1
  [ -n "$started" ] && [ "$(start_time_of "$pid")" = "$started" ]
}

start_daemon() { # NAME DIRECTORY COMMAND...
  local name=$1 directory=$2 pid
  shift 2
  is_running "$name" && return 0
  mkdir -p "$state/run" "$state/log"
  (cd "$directory" && exec setsid "$@" >>"$state/log/$name.log" 2>&1 </dev/null) &
  pid=$!
  echo "$pid $(start_time_of "$pid")" >"$state/run/$name.pid"
  disown # the shell is not to report its end
}

stop_daemon() { # NAME
  local pid
  pid=$(pid_of "$1")
  if is_running "$1"; then
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 50); do
      is_running "$1" || break
      sleep 0.1
    done
    is_running "$1" && kill -9 "$pid" 2>/dev/null || true
  fi
  rm -f "$state/run/$1.pid"
}

# Waits until a command succeeds, while the daemon lives.
wait_for() { # NAME SECONDS COMMAND...
  local name=$1 limit=$2
  shift 2
  for _ in $(seq $((limit * 10))); do
    "$@" >/dev/null 2>&1 && return 0
    is_running "$name" || fail "$name ended: $(tail -n 3 "$state/log/$name.log" | tr '\n' ' ')"
    sleep 0.1
  done
  fail "$name does not answer after $limit s: $(tail -n 3 "$state/log/$name.log" | tr '\n' ' ')"
}
