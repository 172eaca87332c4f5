#!/bin/sh
# Instructions a byte of text and a row, counted by callgrind on `willump predict`:
#   bench/instructions.sh MODEL INPUT.csv [portable|avx2]
# The difference between the whole input and its first half leaves out start-up
# and loading. Valgrind does not know AVX-512.
set -eu
model=$1
input=$2
cpu=${3:-avx2}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
rows=$(wc -l <"$input")
head -n $((rows / 2)) "$input" >"$folder/half.csv"
count() {
  WILLUMP_CPU=$cpu valgrind --tool=callgrind --callgrind-out-file="$folder/out" \
    willump predict "$model" "$1" -o "$folder/result.csv" 2>&1 |
    sed -n 's/.*Collected : *//p'
}
all=$(count "$input")
half=$(count "$folder/half.csv")
bytes=$(($(wc -c <"$input") - $(wc -c <"$folder/half.csv")))
awk -v i=$((all - half)) -v b="$bytes" -v r=$((rows - rows / 2)) -v c="$cpu" \
  'BEGIN { printf "%s: %.1f instructions a byte (%d bytes), %.0f a row\n", c, i / b, b, i / r }'
