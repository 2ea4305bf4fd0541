# A gateway on the host, whose identity comes from the KMS like any app's. Sourced, not run.

# A certificate authority for *.$base_domain; on a public host certbot gets a real certificate instead.
make_proxy_certificate() {
  local certs=$state/gateway/certs
  [ -s "$certs/cert.pem" ] && return 0
  mkdir -p "$certs"
  (
    cd "$certs"
    umask 077
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj '/CN=dstack local CA' \
      -keyout ca.key -out ca.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=*.$base_domain" -keyout key.pem -out cert.csr
    printf 'subjectAltName=DNS:*.%s\n' "$base_domain" >cert.ext
    openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 -extfile cert.ext -out leaf.pem
    cat leaf.pem ca.pem >cert.pem
  ) >"$state/log/proxy-certificate.log" 2>&1 || fail "the proxy's certificate could not be made"
}

make_wireguard_key() {
  [ -s "$state/gateway/wg.key" ] && return 0
  (umask 077 && wg genkey >"$state/gateway/wg.key")
}

write_gateway_config() {
  local gateway=$state/gateway
  (umask 077 && cat >"$gateway/gateway.toml" <<CONFIG
address = "127.0.0.1"
port = $gateway_port
[tls]
certs = "$gateway/rpc.cert"
key = "$gateway/rpc.key"
[tls.mutual]
ca_certs = "$gateway/rpc-ca.cert"
mandatory = false
[core]
state_path = "$gateway/state.json"
rpc_domain = "$host_ip"
[core.admin]
enabled = true
port = $admin_port
auth_token = "$(token gateway-admin)"
[core.attestation]
insecure_allow_external_trust_anchors = true
collateral_file = "$state/tee/collateral.json"
root_ca.tdx = "$state/tee/root.pem"
[core.wg]
private_key = "$(cat "$gateway/wg.key")"
public_key = "$(wg pubkey <"$gateway/wg.key")"
listen_port = $wireguard_port
ip = "$wireguard_net.0.1/16"
reserved_net = ["$wireguard_net.0.1/32"]
client_ip_range = "$wireguard_net.0.0/18"
config_path = "$gateway/wg.conf"
interface = "$wireguard_interface"
endpoint = "$host_ip:$wireguard_port"
[core.proxy]
cert_chain = "$gateway/certs/cert.pem"
cert_key = "$gateway/certs/key.pem"
tls_versions = ["1.2", "1.3"]
base_domain = "$base_domain"
external_port = $proxy_port
listen_addr = "127.0.0.1"
listen_port = $proxy_port
CONFIG
  )
}

start_gateway() {
  make_proxy_certificate
  make_wireguard_key
  write_gateway_config
  DSTACK_AGENT_ADDRESS=$(agent_address gateway) \
    start_daemon gateway "$state/gateway" "$bin/dstack-gateway" -c "$state/gateway/gateway.toml"
  wait_for gateway 20 curl -fsSk -m 5 "https://127.0.0.1:$gateway_port/health"
}
