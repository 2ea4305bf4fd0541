# The whole way from nothing to a verified page, and back. Sourced, not run.

# CreateVm to verified page, how much of it may be more than the bare image needs, and memory of a host daemon.
readonly max_page_seconds=150 max_over_bare_seconds=20 max_daemon_mib=16

start_host() {
  stage "registry with the hello image"
  start_registry
  publish_hello
  stage "kms, with a fresh simulated root of trust"
  make_simulated_root
  write_agent_app kms false
  write_agent kms
  start_agent kms
  write_agent_app gateway true
  start_kms "$(agent_app_id gateway)"
  stage "gateway, attested by the kms"
  write_agent gateway "https://127.0.0.1:$kms_port"
  start_agent gateway
  start_gateway
  stage "vmm with supervisor"
  start_vmm
}

stop_all() {
  stop_daemon vmm
  stop_supervisor
  for name in gateway gateway-agent kms kms-agent registry; do stop_daemon "$name"; done
  ip link delete "$wireguard_interface" 2>/dev/null || true
}

daemon_pids() {
  for name in vmm gateway gateway-agent kms kms-agent; do pid_of "$name"; done
  echo "$(cat "$state/vmm/supervisor.pid" 2>/dev/null)" # the file ends without a newline
  pgrep -P "$(pid_of kms)" || true
}

report_memory() {
  local worst=0 pid rss name
  say "  memory of the host daemons:"
  for pid in $(daemon_pids); do
    rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
    name=$(tr '\0' ' ' <"/proc/$pid/cmdline" | awk '{ n = split($1, p, "/"); print p[n] }')
    printf '    %-28s %6.1f MiB\n' "$name" "$(awk -v k="$rss" 'BEGIN { print k / 1024 }')"
    [ "$rss" -gt "$worst" ] && worst=$rss
  done
  worst_daemon_kib=$worst
}

page_seconds= worst_daemon_kib=

# Starts from nothing: everything an earlier run left is ended and forgotten.
journey() {
  stop_all
  rm -rf "${state:?}"/{vmm,hello,gateway,kms,agent,registry,run}
  mkdir -p "$state/run" "$state/log"
  start_host
  local created
  created=$(date +%s%N)
  stage "hello in a cvm: boot to running container"
  deploy_hello
  check_hello
  stage
  page_seconds=$(seconds_since "$created")
  say "  from CreateVm to the verified page: $page_seconds s (limit $max_page_seconds s)"
  report_memory
}

# The app's VM is ended first: both must have the machine for themselves.
compare_with_bare() {
  dstack stop --force "$hello_vm" >/dev/null
  measure_bare
  stage
  say "  of $page_seconds s the bare image needs $bare_seconds s; measuring, keys, encryption, gateway and page: \
$(awk -v a="$page_seconds" -v b="$bare_seconds" 'BEGIN { printf "%.1f", a - b }') s (limit $max_over_bare_seconds s)"
}

check_limits() {
  [ "$worst_daemon_kib" -lt $((max_daemon_mib * 1024)) ] || fail "a host daemon uses more than $max_daemon_mib MiB"
  awk -v t="$page_seconds" -v m="$max_page_seconds" 'BEGIN { exit !(t <= m) }' ||
    fail "it took longer than $max_page_seconds s"
}
