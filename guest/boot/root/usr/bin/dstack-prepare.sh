#!/usr/bin/bash
# From a verified root to an app that may start: measures the app, gets its keys, opens its disk (all in dstack-util setup), lays out
# the directories, runs the app's init script. Any failure is told to the host and ends the VM.
set -eEuo pipefail

WORK_DIR=/var/volatile/dstack
DATA_MNT=$WORK_DIR/persistent
DATA_DEVICE=/dev/vdb
step="starting"

notify() { dstack-util notify-host -e "$1" -d "$2" || echo "dstack-prepare: could not notify the host of $1" >&2; }

on_exit() {
  local status=$?
  [ "$status" -eq 0 ] && return 0
  echo "dstack-prepare: failed while $step (status $status)" >&2
  # setup reports its own errors, with the whole cause
  [ "$step" = "setting up" ] || notify boot.error "failed while $step"
}
trap on_exit EXIT

step="loading the tee driver"
if [ ! -e /dev/tdx_guest ] && [ -z "${DCAP_TDX_QUOTE_CONFIGFS_PATH:-}" ]; then
  modprobe tdx-guest
fi

step="setting the clock"
chronyc -n makestep >/dev/null || echo "dstack-prepare: chronyd does not answer; the clock stays as the host set it" >&2

step="setting up"
mkdir -p "$WORK_DIR" "$DATA_MNT"
dstack-util setup --work-dir "$WORK_DIR" --device "$DATA_DEVICE" --mount-point "$DATA_MNT"

step="binding the app's directories"
mkdir -p "$DATA_MNT/var/lib/docker"
mount --rbind "$DATA_MNT/var/lib/docker" /var/lib/docker
mount --rbind "$WORK_DIR" /dstack
cd /dstack

step="removing containers of an earlier deployment"
if [ -d /var/lib/docker/containers ] && jq -e 'has("docker_compose_file")' app-compose.json >/dev/null; then
  jq -j '.docker_compose_file // ""' app-compose.json >docker-compose.yaml
  dstack-util remove-orphans --no-dockerd -d /var/lib/docker -f docker-compose.yaml ||
    echo "dstack-prepare: containers of an earlier deployment may remain" >&2
fi

# dockerd starts containers of an earlier deployment by itself. They may hold other code than what was measured now, so none can
# run until app-compose.sh has put this deployment's in their place.
if [ -n "$(ls -A /var/lib/docker/containers 2>/dev/null)" ]; then
  step="holding back earlier containers"
  chmod -x /usr/bin/containerd-shim-runc-v2
fi

if jq -e 'has("init_script")' app-compose.json >/dev/null; then
  step="running the init script"
  notify boot.progress init-script
  # Measured with the rest of app-compose.json. A failing command of it stops the boot, as any other here.
  set +Eu +o pipefail
  # shellcheck disable=SC1090
  source <(jq -r '.init_script | if type == "array" then join("\n") else . end' app-compose.json)
fi
