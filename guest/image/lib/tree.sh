# The guest's root directory: the Debian root without what it does not need, with what guest/boot adds.
# shellcheck shell=bash disable=SC2154

boot_dir=$source_dir/guest/boot
trees_dir=$cache_dir/trees

lines_of() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$1"; }

prune() { # TREE LIST
  local pattern
  while read -r pattern; do
    # shellcheck disable=SC2086
    (cd "$1" && shopt -s nullglob && rm -rf -- $pattern)
  done < <(lines_of "$2")
}

# Kernel modules are stored unpacked: the file system compresses better than the guest unpacks.
unpack_modules() { # TREE
  local release
  release=$(ls "$1/usr/lib/modules")
  find "$1/usr/lib/modules" -name '*.ko.xz' -print0 | xargs -0 -P "$(nproc)" -n 50 xz -d
  in_build_root depmod -b "/cache/${1#"$cache_dir"/}" "$release"
}

make_writable_places() { # TREE
  local tree=$1 dir
  for dir in var/volatile dstack var/lib/docker var/lib/containerd etc/wireguard home/root; do mkdir -p "$tree/$dir"; done
  rm -rf "$tree/root" "$tree/tapp" "$tree/etc/resolv.conf"
  ln -s home/root "$tree/root"
  chmod 0700 "$tree/home/root"
  ln -s dstack "$tree/tapp"
  ln -s ../run/systemd/resolve/stub-resolv.conf "$tree/etc/resolv.conf"
  : >"$tree/etc/fstab.new"; mv "$tree/etc/fstab.new" "$tree/etc/fstab"
  : >"$tree/etc/machine-id.new"; mv "$tree/etc/machine-id.new" "$tree/etc/machine-id"
  rm -f "$tree/etc/hosts"
  printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$tree/etc/hosts"
}

lock_accounts() { # TREE
  sed 's/^\([^:]*\):[^:]*:[^:]*:/\1:*:0:/' "$1/etc/shadow" >"$1/etc/shadow.new"
  chmod 0640 "$1/etc/shadow.new"
  chown 0:42 "$1/etc/shadow.new"
  mv "$1/etc/shadow.new" "$1/etc/shadow"
  find "$1" -xdev -type f -perm /6000 -exec chmod ug-s {} +
}

# The Debian part alone, cached because it changes rarely.
base_tree() { # NAME TREE
  local key base=$trees_dir/$1.base
  key=$(digest_of "$roots_dir/stamp" "$image_dir"/{prune.list,lib/tree.sh})
  if [ "$(cat "$base.key" 2>/dev/null)" != "$key" ]; then
    rm -rf "$base" "$base.key"
    mkdir -p "$trees_dir"
    cp -a "$roots_dir/$1" "$base"
    install -m 0644 "$base"/usr/lib/modules/*/vmlinuz "$trees_dir/vmlinuz"
    prune "$base" "$image_dir/prune.list"
    find "$base"/{dev,proc,sys,run,tmp} -mindepth 1 -delete
    unpack_modules "$base"
    make_writable_places "$base"
    lock_accounts "$base"
    printf '%s\n' "$key" >"$base.key"
  fi
  rm -rf "$2"
  cp -al "$base" "$2"
}

enable_units() { # TREE LIST
  local target unit
  while read -r target unit; do
    [ -e "$1/usr/lib/systemd/system/$unit" ] || fail "enabled unit $unit does not exist"
    mkdir -p "$1/etc/systemd/system/$target.wants"
    ln -s "/usr/lib/systemd/system/$unit" "$1/etc/systemd/system/$target.wants/$unit"
  done < <(lines_of "$2")
}

add_files() { # TREE DIR
  cp -r --remove-destination --no-target-directory "$2" "$1"
}

install_programs() { # TREE FLAVOUR
  local program
  local programs=("${guest_programs[@]}")
  [ "$2" = prod ] || programs+=("${development_programs[@]}")
  for program in "${programs[@]}"; do
    [ ! -f "$programs_dir/bin/$program" ] || install -m 0755 "$programs_dir/bin/$program" "$1/usr/bin/${program%-dev}"
  done
}

write_os_release() { # TREE FLAVOUR
  rm -f "$1/etc/os-release" "$1/usr/lib/os-release"
  printf 'ID=dstack\nID_LIKE=debian\nNAME="dstack"\nVERSION_ID="%s"\nVARIANT_ID=%s\nPRETTY_NAME="dstack %s"\n' \
    "$version" "$2" "$version" >"$1/usr/lib/os-release"
  ln -s ../usr/lib/os-release "$1/etc/os-release"
}

check_programs_load() { # TREE
  local program missing
  for program in "${guest_programs[@]}"; do
    [ -f "$1/usr/bin/$program" ] || continue
    missing=$(chroot "$1" /usr/bin/ldd "/usr/bin/$program" | grep 'not found' || true)
    [ -z "$missing" ] || fail "$program needs libraries that packages.list does not bring: $missing"
  done
}

check_forbidden() { # TREE
  local found
  found=$(cd "$1" && find . -mindepth 1 -printf '%P\n' | grep -E -f <(lines_of "$image_dir/forbidden.list") || true)
  [ -z "$found" ] || fail "a production image must not contain:
$found"
  found=$(find "$1" -xdev -type f -perm /6000 -printf '%P\n')
  [ -z "$found" ] || fail "a production image must not contain setuid files:
$found"
}

make_tree() { # FLAVOUR TREE
  local flavour=$1 tree=$2
  case $flavour in prod) base_tree root "$tree" ;; dev) base_tree dev "$tree" ;; esac
  add_files "$tree" "$boot_dir/root"
  enable_units "$tree" "$boot_dir/enabled.list"
  install_programs "$tree" "$flavour"
  write_os_release "$tree" "$flavour"
  if [ "$flavour" = dev ]; then
    add_files "$tree" "$boot_dir/dev"
    enable_units "$tree" "$boot_dir/enabled-dev.list"
  else
    prune "$tree" "$image_dir/production-prune.list"
    check_forbidden "$tree"
  fi
  check_programs_load "$tree"
}
