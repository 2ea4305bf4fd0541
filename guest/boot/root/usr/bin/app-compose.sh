#!/usr/bin/bash
# Starts the app that app-compose.json describes: usage: app-compose.sh [start|stop]
set -euo pipefail

# The compose plugin works alone as well, which spares loading the docker client first.
COMPOSE=/usr/libexec/docker/cli-plugins/docker-compose
# Not executable where dstack-prepare.sh holds back containers of an earlier deployment.
SHIM=/usr/bin/containerd-shim-runc-v2

notify() { dstack-util notify-host -e "$1" -d "$2" || echo "app-compose: could not notify the host of $1" >&2; }

give_up() {
  echo "app-compose: $1" >&2
  notify boot.error "$1"
  exit 1
}

field() { jq -r --arg key "$1" '.[$key] // ""' app-compose.json; }

start_compose() {
  notify boot.progress "starting containers"
  jq -j '.docker_compose_file // ""' app-compose.json >docker-compose.yaml
  if [ ! -x "$SHIM" ]; then
    "$COMPOSE" up --remove-orphans --no-start --build || give_up "failed to create containers"
    chmod +x "$SHIM"
  fi
  "$COMPOSE" up --remove-orphans -d --build || give_up "failed to start containers"
}

start_bash() {
  notify boot.progress "running main script"
  chmod +x "$SHIM"
  field bash_script | bash || give_up "the main script failed"
}

prune() {
  docker image prune -af >/dev/null || echo "app-compose: could not prune images" >&2
  docker volume prune -f >/dev/null || echo "app-compose: could not prune volumes" >&2
}

start() {
  local runner pccs_url
  runner=$(field runner)
  pccs_url=$(jq -r '.pccs_url // ""' .host-shared/.sys-config.json)
  if [ -z "${PCCS_URL:-}" ] && [ -n "$pccs_url" ]; then export PCCS_URL=$pccs_url; fi

  if jq -e 'has("pre_launch_script")' app-compose.json >/dev/null; then
    notify boot.progress pre-launch
    set +euo pipefail
    # shellcheck disable=SC1090
    source <(jq -r '.pre_launch_script // ""' app-compose.json)
    set -euo pipefail
  fi

  case $runner in
  docker-compose) start_compose ;;
  bash) start_bash ;;
  *) give_up "unsupported runner: $runner" ;;
  esac
  notify boot.progress "done"
  if [ "$runner" = docker-compose ]; then prune; fi
}

cd /dstack
case ${1:-start} in
start) start ;;
stop) if [ -f docker-compose.yaml ]; then "$COMPOSE" stop; fi ;;
*) echo "usage: app-compose.sh [start|stop]" >&2; exit 2 ;;
esac
