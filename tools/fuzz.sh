#!/bin/sh
# tools/fuzz.sh TARGET...: each for FUZZ_SECONDS (10) from FUZZ_SEED (1; 0: another each time), with the words of
# tests/fuzz/<name>.dict and the inputs of tests/fuzz/<name>.seeds, a line each (\n, \0001 as in printf's %b).
# What fails is told so that it can be repeated elsewhere: the summary, and the input as base64, last. Exits 1 then.
set -u
for target; do
    folder=$(mktemp -d) || exit 1
    name=tests/fuzz/$(basename "$target" .fuzz)
    echo "$target"
    set --
    [ ! -f "$name.dict" ] || set -- -dict="$name.dict"
    if [ -f "$name.seeds" ]; then
        number=100 inputs=
        while IFS= read -r line; do
            printf '%b' "$line" >"$folder/$number"
            inputs=$inputs${inputs:+,}$folder/$number number=$((number + 1))
        done <"$name.seeds"
        set -- "$@" -seed_inputs="$inputs"
    fi
    "$target" "$@" -seed="${FUZZ_SEED:-1}" -max_total_time="${FUZZ_SECONDS:-10}" -artifact_prefix="$folder/" \
        -print_final_stats=0 -print_funcs=0 -verbosity=0 >"$folder/log" 2>&1
    code=$?
    if [ $code -ne 0 ]; then
        cat "$folder/log"
        grep -hE '^SUMMARY|^ +#[0-9]+ .* in (kn|LLVMFuzzerTestOneInput)' "$folder/log" | head -n 8
        echo "$target failed (exit $code). To repeat: base64 -d >input, give it to the target. The input:"
        cat "$folder"/crash-* "$folder"/oom-* "$folder"/timeout-* "$folder"/leak-* 2>/dev/null | base64
    fi
    rm -rf "$folder"
    [ $code -eq 0 ] || exit 1
done
