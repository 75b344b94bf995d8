#!/bin/sh
# Fuzzes one target with coverage counters on stable Rust: tests/fuzz/run.sh TARGET [SECONDS].
# New inputs go to a scratch directory; the corpus is then merged down to what adds coverage.
set -eu
cd "$(dirname "$0")"
target=$1
seconds=${2:-600}
host=$(rustc -vV | sed -n 's/host: //p')
counters="-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
counters="$counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
RUSTFLAGS="-Cpasses=sancov-module $counters --cfg fuzzing -Ccodegen-units=1" \
    cargo build --release --target "$host" --bin "$target"
run="target/$host/release/$target"
mkdir -p artifacts "target/found/$target"
"$run" "target/found/$target" "corpus/$target" -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=1024 \
    -artifact_prefix="artifacts/$target-" -print_final_stats=1
mkdir -p "target/merged/$target"
"$run" -merge=1 -max_len=4096 "target/merged/$target" "corpus/$target" "target/found/$target"
