#!/bin/sh
# Installs libtdx-attest alone into an empty place, then compiles, links and runs a program against it with pkg-config.
# usage: installed_library.sh BUILD_DIR PREFIX LIBDIR CONSUMER_SOURCE; CC and MESON from the environment
set -eu
build=$1 prefix=$2 libdir=$3 source=$4
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$MESON" install -C "$build" --no-rebuild --quiet --tags tdx-attest --destdir "$place"
lib=$place$prefix/$libdir
export PKG_CONFIG_PATH="$lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$place"

test "$(pkg-config --modversion libtdx-attest)" = 1.0.0
# The words of CC and of pkg-config are meant to be split.
$CC -std=gnu17 -Wall -Wextra -Wpedantic -Werror "$source" $(pkg-config --cflags --libs libtdx-attest) -o "$place/shared"
# The system's own libraries are not below the sysroot.
static_libs=$(env -u PKG_CONFIG_SYSROOT_DIR pkg-config --libs glib-2.0)
$CC -std=gnu17 "$source" $(pkg-config --cflags libtdx-attest) "$lib/libtdx-attest.a" $static_libs -o "$place/static"

for program in shared static; do
  mkdir "$place/$program.tee"
  LD_LIBRARY_PATH="$lib" "$place/$program" "$place/$program.tee"
done
# Nothing but the interface is exported.
test "$(nm -D --defined-only "$lib/libtdx-attest.so" | grep -c ' T ')" = 5
