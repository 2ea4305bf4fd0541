# What the bare image needs to reach a running container: the same guest, VM size and container, without measuring, keys, encryption
# or gateway. Sourced, not run.

readonly bare_dir=$state/bare

# Travels on a disk of its own, since a serial line loses what is typed faster than the shell reads.
bare_script() {
  cat <<COMMANDS
systemctl start --no-block containerd.service systemd-networkd.service systemd-networkd-wait-online.service
mkfs.ext4 -q /dev/vdb && mount /dev/vdb /mnt && mkdir /mnt/docker && mount --bind /mnt/docker /var/lib/docker
dockerd --containerd /run/containerd/containerd.sock --registry-mirror http://$host_ip:$registry_port 2>/run/dockerd.log &
echo 'services: {hello: {image: "$hello_image", ports: ["80:80"]}}' >/run/docker-compose.yaml
until [ -S /var/run/docker.sock ]; do kill -0 \$! || cat /run/dockerd.log; sleep 0.2; done
/usr/libexec/docker/cli-plugins/docker-compose --progress quiet -f /run/docker-compose.yaml up -d && echo bare container runs
COMMANDS
}

boot_bare() {
  rm -rf "$bare_dir"
  mkdir -p "$bare_dir"
  qemu-img create -q -f qcow2 "$bare_dir/hda.img" 2G
  bare_script >"$bare_dir/script"
  truncate -s 4096 "$bare_dir/script"
  start_daemon bare "$bare_dir" qemu-system-x86_64 -accel tcg,thread=multi,tb-size=1024 -cpu max -nographic -nodefaults -no-reboot \
    -machine q35,kernel-irqchip=split,hpet=off -smp 2 -m 2048M \
    -chardev "socket,id=com0,path=$bare_dir/serial.sock,server=on,wait=off,logfile=$bare_dir/serial.log" -serial chardev:com0 \
    -bios "$image_dir/ovmf.fd" -kernel "$image_dir/bzImage" -initrd "$image_dir/initramfs.cpio.gz" \
    -drive "file=$image_dir/rootfs.img.verity,if=none,id=hd0,format=raw,readonly=on" -device virtio-blk-pci,drive=hd0 \
    -drive "file=$bare_dir/hda.img,if=none,id=hd1,format=qcow2" -device virtio-blk-pci,drive=hd1 \
    -drive "file=$bare_dir/script,if=none,id=hd2,format=raw,readonly=on" -device virtio-blk-pci,drive=hd2 \
    -netdev user,id=net0 -device virtio-net-pci,netdev=net0,romfile= \
    -append "$(jq -r .cmdline "$image_dir/metadata.json") systemd.unit=dstack-console.service"
}

await_bare() { # PATTERN
  local end=$((SECONDS + 240))
  until grep -aqE "$1" "$bare_dir/serial.log" 2>/dev/null; do
    is_running bare || fail "the bare image ended: $(tail -n 3 "$bare_dir/serial.log")"
    [ $SECONDS -lt $end ] || fail "the bare image does not get to '$1': $(tail -n 3 "$bare_dir/serial.log")"
    sleep 0.1
  done
}

bare_seconds=

# Needs the registry with the hello image.
measure_bare() {
  stage "for comparison, the bare image: to a container"
  local begun
  begun=$(date +%s%N)
  boot_bare
  await_bare ':~# '
  # QEMU forgets what was not read yet when the connection ends, so it stays until the end.
  { echo "tr -d '\\0' </dev/vdc | bash"; await_bare 'bare container runs'; } | socat -u - "UNIX-CONNECT:$bare_dir/serial.sock"
  bare_seconds=$(seconds_since "$begun")
  stop_daemon bare
  rm -rf "$bare_dir"
}
