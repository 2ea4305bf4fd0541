# The root of the simulated TEEs, and a KMS that trusts it. Sourced, not run.

make_simulated_root() {
  [ -s "$state/tee/root.pem" ] && return 0
  mkdir -p "$state/tee"
  "$bin/dstack-tee-simulator" init --output "$state/tee" || fail "the simulated root could not be made"
}

# The KMS recomputes what hardware would measure of an image: it needs the image's measured files.
provide_image() {
  local target
  target=$state/kms/cache/images/$(tr -d '\n' <"$image_dir/digest.txt")
  [ -s "$target/metadata.json" ] && return 0
  rm -rf "$target.new"
  mkdir -p "$target.new"
  cp "$image_dir"/{ovmf.fd,bzImage,initramfs.cpio.gz,metadata.json,sha256sum.txt,digest.txt} "$target.new/"
  chmod -R a+rX "$state/kms/cache"
  mv "$target.new" "$target"
}

kms_call() { curl -fsSk -m 10 "https://127.0.0.1:$kms_port/prpc/$1?json" -d null; }

write_kms_config() { # GATEWAY_APP_ID
  cat >"$state/kms/kms.toml" <<CONFIG
[rpc]
address = "127.0.0.1"
port = $kms_port
[rpc.tls]
key = "$state/kms/certs/rpc.key"
certs = "$state/kms/certs/rpc.crt"
[rpc.tls.mutual]
ca_certs = "$state/kms/certs/tmp-ca.crt"
[core]
cert_dir = "$state/kms/certs"
[core.image]
verify = true
cache_dir = "$state/kms/cache"
[core.auth_api]
type = "dev"
[core.auth_api.dev]
gateway_app_id = "$1"
[core.onboard]
auto_bootstrap_domain = "$host_ip,127.0.0.1"
[core.attestation]
insecure_allow_external_trust_anchors = true
collateral_file = "$state/tee/collateral.json"
root_ca.tdx = "$state/tee/root.pem"
CONFIG
}

start_kms() { # GATEWAY_APP_ID
  mkdir -p "$state/kms"
  write_kms_config "$1"
  chmod a+rx "$state/tee" "$state/agent" "$(agent_dir kms)"
  chmod a+r "$state/tee/root.pem" "$state/tee/collateral.json"
  provide_image
  DSTACK_AGENT_ADDRESS=$(agent_address kms) start_daemon kms "$state/kms" "$bin/dstack-kms" -c "$state/kms/kms.toml"
  wait_for kms 15 kms_call GetMeta
}
