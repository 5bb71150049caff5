# shellcheck shell=bash disable=SC2034
# What a case is written with: running rmqtop as the operator, expectations that
# name what was expected, waiting on a condition with a deadline, processes in
# the background, and the evidence that is printed when a case fails.

RMQTOP=${RMQTOP:-${CARGO_TARGET_DIR:-$E2E_DIR/../../target}/debug/rmqtop}
RMQTOP=$(readlink -f -- "$RMQTOP" || echo "$RMQTOP")
CASE_DIR=${CASE_DIR:-}
RELEASE=$(cat "$LAB_STATE/release" 2> /dev/null || true)

# No single run of rmqtop may take longer, whatever it does.
RUN_SECONDS=120

# What the last rmqtop printed, and its exit code.
out=$CASE_DIR/out
err=$CASE_DIR/err
code=0
last=
background=()

# Runs rmqtop as the operator, with a state folder of the case's own and the
# lab's configuration, or $CASE_DIR/config.toml if the case wrote one.
rmqtop() {
    last="rmqtop $*"
    code=0
    RUN_WITH="timeout $RUN_SECONDS" rmqtop_raw "$@" > "$out" 2> "$err" < /dev/null || code=$?
}

# The same with the caller's own standard streams, without a limit.
rmqtop_raw() {
    # shellcheck disable=SC2086
    as_operator ${RUN_WITH:-} "$RMQTOP" --config "$(config_file)" "$@"
}

as_operator() {
    XDG_STATE_HOME=$CASE_DIR/state XDG_CONFIG_HOME=$CASE_DIR/config XDG_CACHE_HOME=$CASE_DIR/cache \
        "$LAB" exec "$@"
}

config_file() {
    [[ -e $CASE_DIR/config.toml ]] || lab_config > "$CASE_DIR/config.toml"
    printf '%s' "$CASE_DIR/config.toml"
}

fail() {
    printf 'not so: %s\n' "$*"
    evidence
    trap - ERR
    exit 1
}

failed_at() { # command status
    printf 'this command of the case ended with %s: %s\n' "$2" "$1"
    evidence
    trap - ERR
    exit 1
}

evidence() {
    local file
    for file in "$CASE_DIR"/*.out "$CASE_DIR"/*.err; do
        [[ ! -s $file ]] || { printf '%s, its end:\n' "${file##*/}" && tail -n 8 "$file" | cut -c 1-300 | cat -v; }
    done
    print_file 'left behind' "$CASE_DIR/left"
    [[ -n $last ]] || return 0
    printf '%s (exit %s)\n' "$last" "$code"
    print_file stdout "$out"
    print_file stderr "$err"
}

print_file() { # title file
    [[ -s $2 ]] || return 0
    printf '%s:\n' "$1"
    if jq -c -L "$E2E_DIR/lib" 'include "status"; digest' "$2" > "$CASE_DIR/digest" 2> /dev/null; then
        set -- "$1" "$CASE_DIR/digest"
    fi
    head -c 12000 "$2" | cat -v
}

# expect WHAT COMMAND...
expect() {
    local what=$1
    shift
    "$@" > /dev/null || fail "$what"
}

expect_not() {
    local what=$1
    shift
    ! "$@" > /dev/null || fail "$what"
}

expect_same() { # what wanted seen
    [[ $2 == "$3" ]] || fail "$1: expected '$2', saw '$3'"
}

# The exit code of the rmqtop that ran last.
expect_code() { # wanted
    [[ $code == "$1" ]] || fail "exit code $1"
}

# eventually SECONDS WHAT COMMAND...
eventually() {
    local end=$(($(now_cs) + $1 * 100)) what=$2 limit=$1
    shift 2
    until "$@" > /dev/null; do
        (($(now_cs) < end)) || fail "within $limit s: $what"
        sleep 0.1
    done
}

# Whether JSON which rmqtop printed last satisfies a jq filter.
shows() { # filter
    # jq is content with no input at all.
    [[ -s $out ]] && jq -e -L "$E2E_DIR/lib" "include \"status\"; $1" "$out" > /dev/null
}

# Whether any of the JSON lines on standard input satisfies a filter.
any_line() { # filter
    jq -ne "any(inputs; $1)" 2> /dev/null
}

status_shows() { # filter
    rmqtop status --format json
    ((code == 0)) && shows "$1"
}

check_ends_with() { # code
    rmqtop check
    [[ $code == "$1" ]]
}

says() { # words, in what rmqtop printed last, on whichever stream
    grep -qF -e "$1" "$out" "$err"
}

# start NAME COMMAND...: runs in the background, output in $CASE_DIR/NAME.out,
# standard error in NAME.err; ends with the case.
start() {
    local name=$1
    shift
    # In a process group of its own, so that all of it can be ended.
    set -m
    # How it ends is for the case to judge.
    (trap - ERR && set +e && "$@") > "$CASE_DIR/$name.out" 2> "$CASE_DIR/$name.err" < /dev/null &
    background+=($!)
    set +m
}

# The process started last has ended.
gone() { ! kill -0 "$1" 2> /dev/null; }

stop_background() {
    local pid
    for pid in "${background[@]}"; do
        kill -- "-$pid" 2> /dev/null || true
        wait "$pid" 2> /dev/null || true
    done
    background=()
}

# A figure measured; printed also if the case passes.
figure() { printf 'figure: %s\n' "$*"; }
