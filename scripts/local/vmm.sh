# The VMM with its supervisor and console. Sourced, not run.

readonly vmm_url=http://127.0.0.1:$console_port

dstack() { DSTACK_VMM_TOKEN=$(token vmm) "$bin/dstack" --url "$vmm_url" "$@"; }

# For a person's shell: `. FILE` and then `dstack list`.
write_shell_setup() {
  (umask 077 && printf 'export DSTACK_VMM_URL=%s DSTACK_VMM_TOKEN=%s PATH=%s:$PATH\n' "$vmm_url" "$(token vmm)" "$bin" >"$state/env")
}

write_vmm_config() {
  mkdir -p "$state/vmm"
  (umask 077 && cat >"$state/vmm/vmm.toml" <<CONFIG
address = "127.0.0.1"
port = $console_port
kms_url = "https://127.0.0.1:$kms_port"
image_path = "$project/build/image"
run_path = "$state/vmm/vm"
[cvm]
kms_urls = ["https://$host_ip:$kms_port"]
gateway_urls = ["https://$host_ip:$gateway_port"]
docker_registry = "http://$host_ip:$registry_port"
[cvm.tee_simulator]
mock_attestation_seed = "$(tr -d '\n' <"$state/tee/seed.hex")"
[cvm.auto_restart]
enabled = false
[gateway]
base_domain = "$base_domain"
port = $proxy_port
[auth]
enabled = true
tokens = ["$(token vmm)"]
[supervisor]
exe = "$bin/dstack-supervisor"
sock = "$state/vmm/supervisor.sock"
pid_file = "$state/vmm/supervisor.pid"
log_file = "$state/log/supervisor.log"
CONFIG
  )
}

start_vmm() {
  write_vmm_config
  write_shell_setup
  start_daemon vmm "$state/vmm" "$bin/dstack-vmm" -c "$state/vmm/vmm.toml"
  wait_for vmm 60 dstack images --json
}

# The supervisor outlives the VMM on purpose; the stack ends it with everything else.
stop_supervisor() {
  [ -S "$state/vmm/supervisor.sock" ] || return 0
  curl -fsS -m 15 -X POST --unix-socket "$state/vmm/supervisor.sock" http://supervisor/shutdown >/dev/null 2>&1 || true
}

running_hello() {
  dstack list --json 2>/dev/null | jq -r '[.[] | select(.name == "hello" and .status == "running")][0].id // empty'
}

# Removes what an earlier run left of it: its image, keys or disk may be of another time.
forget_hello() {
  local id
  for id in $(dstack list --json 2>/dev/null | jq -r '.[] | select(.name == "hello") | .id'); do
    dstack remove -f "$id" >/dev/null
  done
}
