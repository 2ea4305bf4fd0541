# A daemon of the platform on this host instead of in a CVM of its own: its guest agent runs on a simulated TEE whose measurements are
# those of a VM with the image, so that its certificate and quotes are checked as any guest's. Sourced, not run.

readonly agent_vm='cpu_count: 1, memory_size: 1073741824'

agent_dir() { printf %s "$state/agent/$1"; }
agent_address() { printf %s "unix:$(agent_dir "$1")/dstack.sock"; }
agent_app_id() { sha256sum "$(agent_dir "$1")/app-compose.json" | cut -c 1-40; }

qemu_version() { qemu-system-x86_64 --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p'; }

write_agent_app() { # NAME KEYS_FROM_KMS
  mkdir -p "$(agent_dir "$1")"
  jq -cn --arg name "dstack-$1" --argjson kms "$2" '{manifest_version: 2, name: $name, runner: "docker-compose",
    docker_compose_file: "services: {}\n", kms_enabled: $kms}' >"$(agent_dir "$1")/app-compose.json"
}

# With a KMS address the app's keys come from there; without, from the test keys beside the simulator, which only serve its own API.
write_agent() { # NAME [KMS_URL]
  local agent version
  agent=$(agent_dir "$1") version=$(qemu_version)
  cp "$state/tee/seed.hex" "$agent/seed.hex"
  "$bin/dstack-mr" measure --image "$image_dir" --cpu 1 --memory 1G --qemu-version "$version" --log >"$agent/measurements.json" ||
    fail "the image could not be measured"
  jq -cn --arg hash "$(tr -d '\n' <"$image_dir/digest.txt")" --arg version "$version" --arg kms "${2:-}" \
    "{kms_urls: [\$kms | select(. != \"\")], gateway_urls: [], pccs_url: null, docker_registry: null,
      host_api_url: \"vsock://2:10000/api\",
      vm_config: ({spec_version: 1, os_image_hash: \$hash, $agent_vm, qemu_version: \$version} | tojson)}" >"$agent/sys-config.json"
  {
    echo '[default.core.simulator]'
    echo 'measurements_file = "measurements.json"'
    [ -z "${2:-}" ] || echo "kms_url = \"$2\""
  } >"$agent/dstack.toml"
  [ -n "${2:-}" ] || cp "$project/sdk/simulator/appkeys.json" "$agent/"
}

start_agent() { # NAME
  local agent
  agent=$(agent_dir "$1")
  start_daemon "$1-agent" "$agent" "$bin/dstack-simulator" -c "$agent/dstack.toml"
  wait_for "$1-agent" 20 curl -fsS -m 5 --unix-socket "$agent/dstack.sock" http://dstack/Info
}
