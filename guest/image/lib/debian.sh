# The three Debian roots the image is made from, kept in the cache: root (production), dev (root and more), build.
# shellcheck shell=bash disable=SC2154

roots_dir=$cache_dir/debian

# The machine's own mirror, from whatever form its apt configuration has: LABEL is Debian or Debian-Security.
machine_mirror() {
  apt-get indextargets 'Created-By: Packages' 'Component: main' --format '$(REPO_URI) $(LABEL)' |
    awk -v label="$1" 'NF == 2 && $2 == label { print $1; exit }'
}

choose_mirrors() {
  [ -n "$mirror" ] || mirror=$(machine_mirror Debian)
  [ -n "$mirror" ] || fail "this machine's apt configuration names no Debian mirror; give one with --mirror"
  [ -n "$security_mirror" ] || security_mirror=$(machine_mirror Debian-Security)
  [ -n "$security_mirror" ] || fail "this machine's apt configuration names no security mirror; give one with --security-mirror"
}

# How this machine reaches its mirror (proxy, clock tolerance), for apt inside the roots.
machine_apt_options() { apt-config dump | grep -E '^Acquire::(https?::(Proxy|Timeout)|Check-|Retries|ForceIPv)' || true; }

packages_of() { awk -v set="$1" '$1 == set { print $2 }' "$image_dir/packages.list"; }

# Makes apt take exactly the locked versions where the mirror still has them.
write_pins() { # SET FILE
  [ "$lock_mode" = update ] && return 0
  [ -f "$lock_file" ] || return 0
  awk -v sets="$1" 'BEGIN { split(sets, list, " "); for (i in list) wanted[list[i]] }
    $1 in wanted { printf "Package: %s\nPin: version %s\nPin-Priority: 1001\n\n", $2, $3 }' "$lock_file" >"$2"
}

bootstrap() { # NAME SETS HOOK
  local name=$1 sets=$2 hook=$3
  local work=$roots_dir/$name.work
  local packages
  packages=$(packages_of "${sets%% *}" | paste -sd,)
  rm -rf "$work"
  mkdir -p "$work"
  write_pins "$sets" "$work/pins"
  touch "$work/pins"
  machine_apt_options >"$work/apt.conf"
  mmdebstrap --mode=root --variant=apt --architectures=amd64 --components=main \
    --aptopt="$work/apt.conf" --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt="$image_dir/lib/dpkg.cfg" \
    --setup-hook="mkdir -p \"\$1/etc/apt/preferences.d\" && cp '$work/pins' \"\$1/etc/apt/preferences.d/lock\"" \
    --customize-hook="'$image_dir/lib/$hook' \"\$1\" '$work'" \
    --include="$packages" "$suite" "$work/tree" \
    "deb $mirror $suite main" "deb $mirror $suite-updates main" \
    "deb $security_mirror $suite-security main" "deb $mirror $suite-backports main" \
    >"$work/log" 2>&1
}

# One line for each package: SET NAME VERSION SHA256.
write_lock() { cat "$roots_dir"/*.work/packages.* | sort -u; }

check_lock() {
  local new=$roots_dir/packages.lock
  write_lock >"$new"
  if [ "$lock_mode" = update ]; then
    cp "$new" "$lock_file"
    say "wrote guest/image/packages.lock ($(wc -l <"$lock_file") packages)"
    return 0
  fi
  if [ -f "$lock_file" ] && diff -u "$lock_file" "$new" >"$roots_dir/lock.diff"; then return 0; fi
  grep -E '^[-+][a-z]' "$roots_dir/lock.diff" 2>/dev/null | head -20 >&2 || true
  if [ "$lock_mode" = warn ]; then
    warn "packages differ from guest/image/packages.lock; this image is not the released one"
    return 0
  fi
  fail "the mirror has other packages than guest/image/packages.lock names (above).
  To move on to them:            guest/image/build --update-lock
  To use them without recording: guest/image/build --allow-unlocked (development only)
  To build the locked image:     guest/image/build --mirror and --security-mirror with a snapshot of the lock's date"
}

debian_inputs() {
  digest_of "$image_dir"/{packages.list,lib/debian.sh,lib/dpkg.cfg,lib/customize-root,lib/customize-build,lib/record-packages} \
    $([ -f "$lock_file" ] && printf '%s' "$lock_file")
}

explain_bootstrap_failure() { # NAME
  tail -15 "$roots_dir/$1.work/log" >&2
  fail "making the Debian root '$1' failed (whole log: $roots_dir/$1.work/log)"
}

prepare_debian_roots() {
  local stamp=$roots_dir/stamp
  if [ "$lock_mode" != update ] && [ "$(cat "$stamp" 2>/dev/null)" = "$(debian_inputs)" ]; then
    say "Debian roots: unchanged"
    return 0
  fi
  choose_mirrors
  say "Debian roots: downloading and unpacking $suite (guest and build side by side, one to three minutes)"
  rm -rf "$roots_dir"
  mkdir -p "$roots_dir"
  bootstrap build build customize-build &
  local build_job=$!
  bootstrap root "root dev" customize-root || { wait "$build_job" || true; explain_bootstrap_failure root; }
  wait "$build_job" || explain_bootstrap_failure build
  check_lock
  local name
  for name in root build; do mv "$roots_dir/$name.work/tree" "$roots_dir/$name"; done
  mv "$roots_dir/root.work/dev" "$roots_dir/dev"
  rm -rf "$roots_dir"/*.work
  debian_inputs >"$stamp"
  say "Debian roots: ready"
}
