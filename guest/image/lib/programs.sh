# Compiles what the guest runs, inside Debian 13, so that it fits the image's libraries.
# shellcheck shell=bash disable=SC2154

programs_dir=$cache_dir/programs
guest_programs=(dstack-util dstack-guest-agent)
# Only in the development image, in place of those of the same name without -dev.
development_programs=(dstack-util-dev dstack-tee-simulator)

# Runs a command in the build root with the source tree at /src (read-only) and the cache at /cache.
in_build_root() {
  unshare --mount --propagation private bash -euc '
    root=$1 source=$2 cache=$3; shift 3
    mkdir -p "$root/src" "$root/cache"
    mount --bind -o ro "$source" "$root/src"
    mount --bind "$cache" "$root/cache"
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    exec chroot "$root" "$@"' in_build_root "$roots_dir/build" "$source_dir" "$cache_dir" "$@"
}

build_log=$programs_dir/log

in_build_root_logged() {
  in_build_root "$@" >>"$build_log" 2>&1 || { tail -30 "$build_log" >&2; fail "failed: $* (whole log: $build_log)"; }
}

git_revision() {
  git -C "$source_dir" -c safe.directory="$source_dir" log -1 --format=%H -- guest guest-agent lib proto meson.build 2>/dev/null || true
}

# The target's path in the build directory, empty when the tree has no such program.
program_target() {
  in_build_root ninja -C /cache/programs/obj -t targets all | sed -n "s#^\\(\\([^ ]*/\\)\\?$1\\): .*LINKER.*#\\1#p" | head -1
}

build_programs() {
  mkdir -p "$programs_dir/bin"
  : >"$build_log"
  say "dstack programs: compiling"
  if [ ! -f "$programs_dir/obj/build.ninja" ] || [ "$roots_dir/stamp" -nt "$programs_dir/obj/build.ninja" ]; then
    rm -rf "$programs_dir/obj"
    in_build_root_logged env DSTACK_BUILD_GIT_REVISION="$(git_revision)" \
      meson setup /cache/programs/obj /src -Dguest_only=true --buildtype=release --prefix=/usr \
      -Dc_args=-ffile-prefix-map=/src=. -Dcpp_args=-ffile-prefix-map=/src=.
  fi
  in_build_root_logged ninja -C /cache/programs/obj build.ninja
  local program target
  for program in "${guest_programs[@]}" "${development_programs[@]}"; do
    target=$(program_target "$program")
    if [ -z "$target" ]; then
      rm -f "$programs_dir/bin/$program"
      [ "$without_programs" = yes ] || fail "the source tree does not build $program (--without-programs leaves it out)"
      warn "left out: $program"
      continue
    fi
    in_build_root_logged env DSTACK_BUILD_GIT_REVISION="$(git_revision)" ninja -C /cache/programs/obj "$target"
    in_build_root_logged strip -o "/cache/programs/bin/$program" "/cache/programs/obj/$target"
  done
  in_build_root_logged gcc -std=c17 -D_GNU_SOURCE -O2 -static -s -Wall -Wextra -Werror -ffile-prefix-map=/src=. \
    -o /cache/programs/init /src/guest/boot/initrd/{init,root_parameters,verity}.c
}
