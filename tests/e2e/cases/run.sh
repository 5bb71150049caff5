# shellcheck shell=bash disable=SC2154
# `run restart-app` to its end: done, proved by the cluster, and in the journal;
# and with a fault under way.

TWICE+=(a_stopped_app_is_only_started a_connection_lost_under_a_run_leaves_the_cluster_to_decide)

ONCE+=(a_disc_that_fills_up_does_not_leave_the_app_stopped a_run_streams_its_events two_runs_at_once_are_refused)

execute() { rmqtop run restart-app "$NODE3" --execute --confirm "$NODE3" "$@"; }

the_run() { # the id of the newest run
    rmqtop runs --format json
    expect_code 0
    jq -er '.runs[0].run' "$out"
}

case_an_app_is_restarted_and_the_journal_tells_all() {
    local app runtime peer members id command
    app=$(app_identity node3)
    runtime=$(runtime_identity node3)
    peer=$(app_identity node2)
    members=$(membership node1)
    record_commands
    execute
    expect_code 0
    expect_not "the app that ran before" test "$app" = "$(app_identity node3)"
    expect_same "the runtime of node3" "$runtime" "$(runtime_identity node3)"
    expect_same "the app of node2" "$peer" "$(app_identity node2)"
    expect_same "the members as node1 sees them" "$members" "$(membership node1)"
    for name in "${LAB_BALANCERS[@]}"; do
        # A check or two may have failed meanwhile, which HAProxy forgets by the next.
        eventually 20 "$name has three servers without a failed check" servers_up "$name"
    done
    expect_same "changes on node3" 'stop_app start_app' \
        "$(recorded rabbit-node3 | grep -oE '(stop|start)_app|reset([^-]|$)|stop$' | xargs)"
    expect_not "rabbitmqctl elsewhere" grep -q rabbitmqctl <(recorded rabbit-node1; recorded rabbit-node2)
    check_ends_with 0 || fail "check ends with 0"

    id=$(the_run)
    rmqtop runs
    expect "the list has the run" says "$id"
    rmqtop runs "$id" --format json
    expect_code 0
    expect "done, by whom, when, all steps over" shows \
        '.schema == 1 and (.run | .outcome.outcome == "done" and (.who | contains("@")) and (.started | fromdateiso8601? // (sub("\\.[0-9]+"; "") | fromdate) | . > 1e9)
         and (.steps | length == 3 and all(.state.state == "over" and (.state.result.outcome | IN("done", "already_so")))))'
    expect "the plan with its checks" shows '.run.plan.preflight | length >= 7'
    for command in stop_app start_app; do
        expect "the command $command and its end" shows \
            ".run.steps | any((.command // \"\" | endswith(\"$command\")) and (.command_end | contains(\"exit 0\")))"
    done
    expect "proof from the cluster" shows '.run.steps[0].state.result.proof | length > 0'
    rmqtop runs "$id" --format markdown
    expect_code 0
    expect "markdown has a heading, the node and both commands" \
        eval "grep -q '^#' $out && grep -q '$NODE3' $out && grep -q stop_app $out && grep -q start_app $out"
    expect_not "the password in the journal" grep -rqF "$(< "$LAB_STATE/password")" "$CASE_DIR/state"
    expect_same "readers of the journal other than its owner" "" \
        "$(find "$CASE_DIR/state" -name '*.jsonl' -perm /077)"
}

# A disc without room for a journal and its reserve is full already; one that fills up in the
# middle of the run gives the reserve up for the lines that end it.
case_a_disc_that_fills_up_does_not_leave_the_app_stopped() {
    local disc=$CASE_DIR/state filled
    mkdir -p "$disc"
    mount -t tmpfs -o size=64k,mode=0700 tmpfs "$disc"
    record_commands
    execute
    umount "$disc"
    expect_code 1
    expect "it says that nothing was sent" grep -q "nothing was sent" "$err"
    expect_same "changes on node3" "" "$(recorded rabbit-node3 | { grep -oE '(stop|start)_app' || true; } | xargs)"

    mount -t tmpfs -o size=512k,mode=0700 tmpfs "$disc"
    config_file > /dev/null
    start first rmqtop_raw run restart-app "$NODE3" --execute --confirm "$NODE3" --format jsonl
    eventually 20 "the run has sent stop_app" sent stop_app
    filled=$(dd if=/dev/zero of="$disc/filler" bs=4k 2>&1 || true)
    eventually 120 "the run is over" gone "${background[-1]}"
    expect "the disc was full ($filled)" test "$(stat -f -c %f "$disc")" -le 34
    expect "the run is done" jq -se 'map(.what)[-1].outcome.outcome == "done"' "$CASE_DIR/first.out"
    rmqtop runs --format json
    expect "the journal tells all" shows '.runs[0].outcome.outcome == "done"'
    umount "$disc"
    eventually 30 "check ends with 0" check_ends_with 0
}

case_a_run_streams_its_events() {
    execute --format jsonl
    expect_code 0
    expect "announced first, ended last, sent twice" jq -se \
        'map(.what) | .[0].event == "announced" and .[-1].event == "ended" and (map(select(.event == "sending")) | length == 2)' "$out"
}

case_a_stopped_app_is_only_started() {
    ctl node3 stop_app
    eventually 15 "node3 is app_stopped" status_shows 'node("node3").state == "app_stopped"'
    record_commands
    execute
    expect_code 0
    expect_same "changes on node3" start_app "$(recorded rabbit-node3 | grep -oE '(stop|start)_app' | xargs)"
    check_ends_with 0 || fail "check ends with 0"
}

sent() { # verb, by the run in the background
    any_line ".what | .event == \"sending\" and (.command | endswith(\"$1\"))" < "$CASE_DIR/first.out"
}

case_two_runs_at_once_are_refused() {
    config_file > /dev/null
    start first rmqtop_raw run restart-app "$NODE3" --execute --confirm "$NODE3" --format jsonl
    eventually 20 "the first run has sent stop_app" sent stop_app
    execute
    expect_code 5
    eventually 90 "the first run is over" gone "${background[-1]}"
    expect "the first run is done" jq -se 'map(.what)[-1].outcome.outcome == "done"' "$CASE_DIR/first.out"
    eventually 30 "check ends with 0" check_ends_with 0
}

# Longer than a dead connection goes unnoticed, shorter than the brokers' net tick.
case_a_connection_lost_under_a_run_leaves_the_cluster_to_decide() {
    local id outcome
    config_file > /dev/null
    start first rmqtop_raw run restart-app "$NODE3" --execute --confirm "$NODE3" --format jsonl
    eventually 20 "the run has sent stop_app" sent stop_app
    "$LAB" cut rabbit-node3 --drop
    eventually 30 "the host is silent" status_shows 'node("node3").state == "unreachable"'
    "$LAB" heal rabbit-node3
    eventually 150 "the run is over" gone "${background[-1]}"
    outcome=$(jq -rs 'map(.what)[-1] | select(.event == "ended") | .outcome.outcome' "$CASE_DIR/first.out")
    id=$(the_run)
    rmqtop runs "$id" --format json
    expect_same "the outcome in the journal" "$outcome" "$(jq -r '.run.outcome.outcome' "$out")"
    case $outcome in
        done) eventually 30 "done, and check ends with 0" check_ends_with 0 ;;
        unknown | failed)
            expect "start-app was not begun after a stop that is not proved" \
                jq -se 'map(.what | select(.event == "sending")) | length == 1' "$CASE_DIR/first.out"
            ;;
        *) fail "an outcome of done, unknown or failed, not '$outcome'" ;;
    esac
    figure "a connection lost under stop_app: the run ended as $outcome"
}
