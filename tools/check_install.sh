#!/bin/sh
# Installs the C library into a scratch prefix and builds the C example against
# it with pkg-config, shared and static; compares the two on a saved model.
#   tools/check_install.sh BUILD MODEL
set -eu
build=$1
model=$2
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
DESTDIR="$prefix" meson install -C "$build" --no-rebuild --quiet
config=$(dirname "$(find "$prefix" -name willump.pc)")
library=$(dirname "$config")
flags="$(PKG_CONFIG_SYSROOT_DIR=$prefix PKG_CONFIG_PATH=$config pkg-config --cflags willump)"
libs="$(PKG_CONFIG_SYSROOT_DIR=$prefix PKG_CONFIG_PATH=$config pkg-config --libs --static willump)"
# shellcheck disable=SC2086
cc -Wall -Werror $flags examples/predict.c $libs -o "$prefix/shared"
# shellcheck disable=SC2086
cc -Wall -Werror $flags examples/predict.c "$library/libwillump.a" ${libs#*-lwillump} \
  -o "$prefix/static"
printf 'good and bad\nso good\n\n' >"$prefix/lines"
LD_LIBRARY_PATH=$library "$prefix/shared" "$model" <"$prefix/lines" >"$prefix/a"
"$prefix/static" "$model" <"$prefix/lines" >"$prefix/b"
cmp "$prefix/a" "$prefix/b"
[ "$(wc -l <"$prefix/a")" = 3 ]
# Only the public names are visible.
hidden=$(nm -D --defined-only "$library/libwillump.so" | awk '{print $3}' | grep -v '^wl_' || true)
[ -z "$hidden" ] || { echo "visible beyond wl_*: $hidden" >&2; exit 1; }
internal=$(nm -D --defined-only "$library/libwillump.so" | awk '{print $3}' | grep -E '^wl_(arena|graph|op_table|exec|csr)' || true)
[ -z "$internal" ] || { echo "internal names are visible: $internal" >&2; exit 1; }
echo "install: the C example builds and runs, shared and static; only the public names are visible"
