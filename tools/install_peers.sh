#!/bin/sh
# Installs the benchmarks' peers, one by one where not all go together: one that cannot be
# installed is named, and the others are there. What is measured with keeps its version, or
# gets the one that the file says.
#   tools/install_peers.sh PYTHON [--no-deps] -r REQUIREMENTS.txt
set -u
python=$1
shift
for file; do :; done
kept=$(mktemp)
trap 'rm -f "$kept" "$kept.more"' EXIT
measured='^(numpy|scipy|pandas|polars|scikit-learn|lightgbm|xgboost-cpu)=='
grep -E "$measured" "$file" >"$kept"
"$python" -m pip freeze | grep -E "$measured" | while read -r line; do
  grep -q "^${line%%==*}==" "$kept" || echo "$line"
done >"$kept.more"
cat "$kept.more" >>"$kept"
"$python" -m pip install -q -c "$kept" "$@" && exit 0
echo "not all of $file go together: one by one"
options=
[ "$1" != --no-deps ] || options=--no-deps
grep -v '^ *#' "$file" | grep . | while read -r package; do
  # shellcheck disable=SC2086
  "$python" -m pip install -q -c "$kept" $options "$package" ||
    echo "skipped: $package cannot be installed"
done
exit 0
