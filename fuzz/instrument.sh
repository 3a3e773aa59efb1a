#!/bin/sh
# A wrapper of the compiler: coverage by its own pass in the code that is ours, so that a stable compiler makes the targets.
# All else stays as `cargo build --release` makes it, and is not built again. No sanitizer: the server has next to no unsafe
# code.
case ${CARGO_PKG_NAME:-} in
handover | handover-fuzz)
    exec "$@" --cfg=fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
*) exec "$@" ;;
esac
