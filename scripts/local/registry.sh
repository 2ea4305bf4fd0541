# A real registry on loopback with the image of the hello app, made from one static program. Sourced, not run.

hello_image= # by digest, once published

make_hello_layout() { # DIRECTORY
  rm -rf "$1"
  umoci init --layout "$1/oci"
  umoci new --image "$1/oci:hello"
  umoci unpack --image "$1/oci:hello" "$1/bundle"
  install -m 0755 "$bin/dstack-hello" "$1/bundle/rootfs/hello"
  touch -d @0 "$1/bundle/rootfs/hello"
  umoci repack --image "$1/oci:hello" "$1/bundle"
  umoci config --image "$1/oci:hello" --config.cmd /hello --config.exposedports 80/tcp
}

start_registry() {
  mkdir -p "$state/registry"
  cat >"$state/registry/config.yml" <<CONFIG
version: 0.1
storage: {filesystem: {rootdirectory: $state/registry/data}}
http: {addr: 127.0.0.1:$registry_port}
log: {level: warn}
CONFIG
  start_daemon registry "$state/registry" docker-registry serve "$state/registry/config.yml"
  wait_for registry 10 curl -fsS "http://127.0.0.1:$registry_port/v2/"
}

publish_hello() {
  make_hello_layout "$state/registry/build" >"$state/log/hello-image.log" 2>&1 ||
    fail "the hello image could not be made: $(tail -n 1 "$state/log/hello-image.log")"
  local target=127.0.0.1:$registry_port/library/hello:latest
  skopeo copy --insecure-policy --dest-tls-verify=false "oci:$state/registry/build/oci:hello" "docker://$target" \
    >>"$state/log/hello-image.log" 2>&1 || fail "the hello image could not be pushed: $(tail -n 1 "$state/log/hello-image.log")"
  local digest
  digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$target")
  rm -rf "$state/registry/build"
  hello_image=hello@$digest
}
