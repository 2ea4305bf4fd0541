# The hello app: deployed, fetched through the gateway, verified. Sourced, not run.

readonly hello_dir=$state/hello
hello_vm= hello_instance=

kms_signer() { kms_call GetMeta | jq -r .k256_pubkey; }

write_hello_app() {
  mkdir -p "$hello_dir"
  sed "s|@HELLO_IMAGE@|$hello_image|" "$project/examples/hello/docker-compose.yaml" >"$hello_dir/docker-compose.yaml"
  [ -s "$hello_dir/env" ] || (umask 077 && printf 'HELLO_SECRET=%s\n' "$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')" >"$hello_dir/env")
}

# Prints the boot's stages as the guest tells them; on failure the boot error and the last console lines.
deploy_hello() {
  write_hello_app
  dstack deploy --name hello --image "$image_name" --compose "$hello_dir/docker-compose.yaml" --vcpu 2 --memory 2G \
    --disk 2G --kms --gateway --env-file "$hello_dir/env" --kms-signer "$(kms_signer)" --wait --json \
    >"$hello_dir/deployed.json" || fail "the vm did not come up (its console: . $state/env && dstack logs hello)"
  hello_vm=$(jq -r .vmId "$hello_dir/deployed.json")
}

hello_address() { printf 'https://%s.%s:%s' "$hello_instance" "$base_domain" "$proxy_port"; }

# The name resolves nowhere; curl is told that it is this machine. The certificate is verified.
fetch_hello() { # PATH
  curl -fsS -m 10 --cacert "$state/gateway/certs/ca.pem" \
    --resolve "$hello_instance.$base_domain:$proxy_port:127.0.0.1" "$(hello_address)$1"
}

find_instance() {
  hello_instance=$(dstack inspect "$hello_vm" --json | jq -r '.instance_id // empty')
  [ -n "$hello_instance" ] || fail "the vm has no instance id"
}

fetch_page() { # NONCE
  local end=$((SECONDS + 60))
  while [ $SECONDS -lt $end ]; do
    fetch_hello "/json?nonce=$1" >"$hello_dir/page.json" 2>"$hello_dir/fetch.log" && return 0
    sleep 0.5
  done
  fail "the page does not answer through the gateway: $(cat "$hello_dir/fetch.log")"
}

verify_quote() { # NONCE
  jq -r .quote "$hello_dir/page.json" >"$hello_dir/quote.hex"
  jq -r .event_log "$hello_dir/page.json" >"$hello_dir/event-log.json"
  "$bin/dstack-verifier" quote "$hello_dir/quote.hex" --hex --collateral "$state/tee/collateral.json" \
    --root "$state/tee/root.pem" --event-log "$hello_dir/event-log.json" --json >"$hello_dir/verdict.json" ||
    fail "the quote was refused: $(jq -r .error "$hello_dir/verdict.json")"
  [ "$(jq -r .verified "$hello_dir/verdict.json")" = true ] || fail "the verifier did not accept the quote"
  local report_data
  report_data=$(jq -r .report.report_data "$hello_dir/verdict.json")
  [ "${report_data:0:${#1}}" = "$1" ] || fail "the quote is not over our nonce"
}

check_secret() {
  local expected
  expected=$(sed -n 's/^HELLO_SECRET=//p' "$hello_dir/env" | tr -d '\n' | sha256sum | cut -d ' ' -f 1)
  [ "$(jq -r .secret_sha256 "$hello_dir/page.json")" = "$expected" ] || fail "the secret did not arrive whole"
}

check_hello() {
  local nonce
  nonce=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
  stage "page through the gateway over tls"
  find_instance
  fetch_page "$nonce"
  stage "quote verified, nonce found, secret right"
  verify_quote "$nonce"
  check_secret
}
