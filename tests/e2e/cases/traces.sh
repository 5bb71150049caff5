# shellcheck shell=bash disable=SC2154
# rmqtop leaves nothing behind: no ssh of its own, no session and no command on a
# host, however it ended.

TWICE+=(nothing_is_left_of_a_run)

ONCE+=(nothing_is_left_after_a_command nothing_is_left_after_a_signal nothing_is_left_after_a_closed_pipe
    nothing_is_left_for_long_after_a_kill)

# Every process in the operator's network, and every session of his on a host.
left_here() { ip netns pids "$(operator_ns)"; }
left_there() { # host
    inside "$1" pgrep -af 'root@notty|monitor address|epmd -names'
}

expect_nothing_left() { # seconds
    local host
    eventually "$1" "no process in the operator's network" nothing_left_here
    for host in "${LAB_HOSTS[@]}"; do
        eventually "$1" "no session and no command on $host" nothing_left_there "$host"
    done
}

nothing_left_here() {
    left_here | xargs -r ps -o pid=,args= -p > "$CASE_DIR/left"
    [[ ! -s $CASE_DIR/left ]]
}

nothing_left_there() { ! left_there "$1" > "$CASE_DIR/left"; }

all_watched() {
    local host
    for host in "${LAB_HOSTS[@]}"; do
        inside "$host" pgrep -f 'monitor address' || return 1
    done
}

case_nothing_is_left_after_a_command() {
    rmqtop status
    expect_nothing_left 2
    rmqtop check
    expect_nothing_left 2
    rmqtop plan restart-app "$NODE3"
    expect_nothing_left 2
}

watch_in_background() {
    config_file > /dev/null
    start watch rmqtop_raw watch --format jsonl
    eventually 15 "the addresses of all hosts are watched" all_watched
    watch=$(pgrep -f "^$RMQTOP --config $CASE_DIR/config.toml watch")
}

case_nothing_is_left_after_a_signal() {
    local signal
    for signal in TERM INT HUP; do
        watch_in_background
        kill "-$signal" "$watch"
        eventually 5 "watch ends by SIG$signal" gone "$watch"
        expect_nothing_left 5
    done
}

case_nothing_is_left_after_a_closed_pipe() {
    config_file > /dev/null
    rmqtop_raw watch --format jsonl < /dev/null 2> "$err" | head -n 1 > "$out"
    expect_nothing_left 10
}

case_nothing_is_left_for_long_after_a_kill() {
    watch_in_background
    kill -KILL "$watch"
    expect_nothing_left 60
}

case_nothing_is_left_of_a_run() {
    execute
    expect_code 0
    expect_nothing_left 5
}
