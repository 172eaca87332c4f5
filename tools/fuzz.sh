#!/bin/sh
# Runs every libFuzzer target: fuzz.sh [SECONDS_EACH] [TARGET...]
#
# Builds with clang, under ASan and UBSan. What a run finds new goes into a
# scratch folder beside the build, which the next run starts from; the corpus in
# tests/fuzz/corpus is only read. Exits with 1 when an input crashes, hangs or
# takes too much memory, and says where that input is.
set -eu

seconds=${1:-60}
[ $# -gt 0 ] && shift
root=$(cd "$(dirname "$0")/.." && pwd)
build=${FUZZ_BUILD:-$root/build-fuzz}
found=$build/found
crashes=$build/crashes

if [ ! -f "$build/build.ninja" ]; then
  CC=clang meson setup "$build" "$root" -Dfuzzers=true -Dtests=true \
    --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false \
    -Dc_args=-fsanitize=fuzzer-no-link
fi

if [ $# -eq 0 ]; then
  set -- $(cd "$root/tests/fuzz" && ls fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')
fi
for name in "$@"; do
  ninja -C "$build" "tests/fuzz/fuzz_$name" >"$build/fuzz.log" 2>&1 ||
    { cat "$build/fuzz.log"; exit 1; }
done

failed=0
for name in "$@"; do
  mkdir -p "$found/$name" "$crashes/$name"
  log=$build/fuzz_$name.log
  echo "fuzz_$name: $seconds s"
  if "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len=8192 \
    -timeout=20 -rss_limit_mb=3000 -entropic=0 -print_final_stats=1 \
    -artifact_prefix="$crashes/$name/" \
    "$found/$name" "$root/tests/fuzz/corpus/$name" >"$log" 2>&1; then
    sed -n 's/^stat::number_of_executed_units: */  runs: /p' "$log"
  else
    failed=1
    tail -n 40 "$log"
    echo "fuzz_$name: FAILED; log $log, inputs:" "$crashes/$name"/*
  fi
done
exit $failed
