# shellcheck shell=bash
# What the scripts of this folder share: messages, long steps with a sign of life, one sentence on failure.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export repository

say() {
    printf '%s\n' "==> $*"
}

# die SENTENCE: the one clear sentence that a failure ends with.
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# long_step LOG TITLE COMMAND...: runs a command with its output in LOG, and prints every ten seconds how far it is
# (the log's last line). On failure the end of the log is shown, and the command's status returned.
long_step() {
    local log=$1 title=$2
    shift 2
    say "$title"
    mkdir -p "$(dirname "$log")"
    local start=$SECONDS status=0 next=10
    "$@" >"$log" 2>&1 </dev/null &
    local pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS - start >= next)); then
            next=$((next + 10))
            printf '    %4d s  %s\n' $((SECONDS - start)) "$(tail -n 1 "$log" | tr -d '\r' | cut -c 1-100)"
        fi
    done
    wait "$pid" || status=$?
    if ((status != 0)); then
        tail -n 40 "$log" >&2
        printf '    (all of it: %s)\n' "$log" >&2
    else
        printf '    done in %d s\n' $((SECONDS - start))
    fi
    return "$status"
}

# configure_and_build PRESET DIR [TARGET...]: everything, or the targets named.
configure_and_build() {
    local preset=$1 dir=$2 target
    shift 2
    local targets=()
    for target in "$@"; do
        targets+=(--target "$target")
    done
    mkdir -p "$dir"
    if [ ! -f "$dir/build.ninja" ]; then
        long_step "$dir/configure.log" "configuring ($preset) in $dir" \
            cmake -S "$repository" --preset "$preset" -B "$dir" || die "cmake could not configure the build"
    fi
    long_step "$dir/build.log" "building ($preset) with $(nproc) jobs" \
        cmake --build "$dir" -j "$(nproc)" "${targets[@]}" || die "the build failed"
}
