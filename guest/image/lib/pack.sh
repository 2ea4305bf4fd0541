# From a root directory to the files of an image (spec: measurement 9.1).
# shellcheck shell=bash disable=SC2154

zero_uuid=00000000-0000-0000-0000-000000000000
zero_salt=0000000000000000000000000000000000000000000000000000000000000000
initrd_modules=(virtio_blk dm-verity erofs)

# Sets rootfs_hash and rootfs_size. TREE and FILE are inside the cache.
pack_rootfs() { # TREE FILE
  local tree=/cache/${1#"$cache_dir"/} file=/cache/${2#"$cache_dir"/}
  rm -f "$2"
  in_build_root_logged mkfs.erofs --quiet -T "$SOURCE_DATE_EPOCH" --all-time -U "$zero_uuid" -x-1 -z lz4 -C 65536 "$file" "$tree"
  truncate -s %4096 "$2"
  rootfs_size=$(stat -c %s "$2")
  rootfs_hash=$(in_build_root veritysetup format "$file" "$file" --hash-offset="$rootfs_size" --data-block-size=4096 \
    --hash-block-size=4096 --uuid="$zero_uuid" --salt="$zero_salt" | awk '/^Root hash:/ { print $3 }')
  [ ${#rootfs_hash} = 64 ] || fail "veritysetup gave no root hash"
}

pack_initrd() { # TREE FILE
  local release staging=$trees_dir/initrd number=0 module
  release=$(ls "$1/usr/lib/modules")
  rm -rf "$staging"
  mkdir -p "$staging"/{dev,modules,proc,root,run,sys}
  mknod -m 0600 "$staging/dev/console" c 5 1
  install -m 0755 "$programs_dir/init" "$staging/init"
  while read -r module; do
    number=$((number + 1))
    install -m 0644 "$1/$module" "$staging/modules/$(printf '%02d' "$number")-$(basename "$module")"
  done < <(for module in "${initrd_modules[@]}"; do
    in_build_root modprobe -d "/cache/${1#"$cache_dir"/}" -S "$release" --show-depends "$module"
  done | sed -n 's#^insmod .*/\(lib/modules/[^ ]*\).*#\1#p' | awk '!seen[$0]++')
  [ "$number" -ge ${#initrd_modules[@]} ] || fail "the initrd lacks kernel modules"
  find "$staging" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  (cd "$staging" && find . -mindepth 1 -printf '%P\n' | sort |
    cpio --quiet --create --format=newc --reproducible --owner=0:0 | gzip -n -9) >"$2"
}

command_line() {
  printf '%s' "console=ttyS0 init=/init panic=1 net.ifnames=0 biosdevname=0 mce=off oops=panic pci=noearly pci=nommconf" \
    " random.trust_cpu=y random.trust_bootloader=n tsc=reliable no-kvmclock lockdown=integrity loglevel=5" \
    " dstack.storage_fs=ext4 dstack.rootfs_hash=$rootfs_hash dstack.rootfs_size=$rootfs_size"
}

write_metadata() { # FLAVOUR FILE
  local is_dev=false
  [ "$1" = dev ] && is_dev=true
  cat >"$2" <<METADATA
{
  "bios": "ovmf.fd",
  "kernel": "bzImage",
  "cmdline": "$(command_line)",
  "initrd": "initramfs.cpio.gz",
  "rootfs": "rootfs.img.verity",
  "version": "$version",
  "git_revision": "$(git_revision)",
  "shared_ro": true,
  "is_dev": $is_dev,
  "host_share_mode": "vhd"
}
METADATA
}

image_name() { case $1 in prod) printf 'dstack-%s' "$version" ;; dev) printf 'dstack-dev-%s' "$version" ;; esac; }

image_inputs() { # FLAVOUR
  (
    cd "$source_dir"
    printf '%s\n' "$1" "$version" "$(git_revision)" "$(cat "$roots_dir/stamp")"
    find guest/image guest/boot -type f ! -name '*.md' ! -name boot-test | sort | xargs sha256sum
    find "$programs_dir/bin" "$programs_dir/init" -type f | sort | xargs sha256sum
  ) | sha256sum
}

build_flavour() {
  local flavour=$1 name key tree work final
  name=$(image_name "$flavour")
  final=$output_dir/$name
  key=$(image_inputs "$flavour")
  if [ "$(cat "$final/.inputs" 2>/dev/null)" = "$key" ]; then
    say "$name: unchanged"
    return 0
  fi
  say "$name: assembling the root file system"
  tree=$trees_dir/$flavour work=$cache_dir/$name.new
  rm -rf "$work"
  mkdir -p "$work"
  make_tree "$flavour" "$tree"
  say "$name: packing"
  pack_rootfs "$tree" "$work/rootfs.img.verity"
  pack_initrd "$tree" "$work/initramfs.cpio.gz"
  install -m 0644 "$trees_dir/vmlinuz" "$work/bzImage"
  install -m 0644 "$roots_dir/build/usr/share/ovmf/OVMF.fd" "$work/ovmf.fd"
  write_metadata "$flavour" "$work/metadata.json"
  (cd "$work" && sha256sum ovmf.fd bzImage initramfs.cpio.gz metadata.json >sha256sum.txt)
  sha256sum "$work/sha256sum.txt" | cut -d' ' -f1 >"$work/digest.txt"
  printf '%s\n' "$key" >"$work/.inputs"
  rm -rf "$final" "$tree"
  mv "$work" "$final"
  say "$name: $(du -m "$final/rootfs.img.verity" | cut -f1) MiB root, image hash $(cat "$final/digest.txt")"
}
