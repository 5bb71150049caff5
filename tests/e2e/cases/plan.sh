# shellcheck shell=bash disable=SC2154
# `plan`, and every way in which `run` must not act: without --execute, without a
# confirmation, in read-only mode, and where a check forbids it. Each proves by
# the hosts' own record that nothing was sent.

TWICE+=(a_plan_changes_nothing a_lost_quorum_is_refused_and_named a_runtime_that_is_down_is_refused)

ONCE+=(the_recorders_record a_run_without_execute_is_a_plan without_the_right_confirmation_nothing_is_sent
    read_only_refuses an_unknown_node_or_runbook_is_told
    escape_characters_in_a_name_never_reach_the_terminal)

NODE3=rabbit@rabbit-node3

# What the product may send when it only looks. Everything else is a change.
READS='^(ip -o (addr show|monitor address)|systemctl (is-active|show) [a-z -]+|epmd -names'
READS+='|socat - UNIX-CONNECT:/run/haproxy/admin\.sock|true)$'

# Remembers what restarting an app, or anything more, would change.
before() {
    record_commands
    record_requests
    app=$(app_identity node3)
    runtime=$(runtime_identity node3)
    members=$(membership node1)
}

expect_untouched() {
    local name
    for name in "${LAB_HOSTS[@]}"; do
        recorded "$name" | unquoted > "$CASE_DIR/sent-$name"
        # A line that is not plainly a read counts as a change.
        if grep -vE "$READS" "$CASE_DIR/sent-$name" > "$CASE_DIR/changes"; then
            fail "only reads are sent to $name: $(cat "$CASE_DIR/changes")"
        fi
    done
    expect_not "a writing request to the management API" writes_recorded
    expect_same "the app of node3 since" "$app" "$(app_identity node3)"
    expect_same "the runtime of node3" "$runtime" "$(runtime_identity node3)"
    expect_same "the cluster's members" "$members" "$(membership node1)"
}

# A command as sshd got it, without the quotes that the client put around words, and without
# the scripts, constants of the source, that say of themselves that they only read.
unquoted() { sed -e '/^sh -c .# reads only$/,/^\(echo end\|exit 0\)/d' -e "s/['\"\\\\]//g"; }

case_the_recorders_record() {
    before
    as_operator ssh -F "$LAB_STATE/ssh_config" rabbit-node3 rabbitmqctl -q eval 'ok.' < /dev/null > /dev/null
    expect "the command is recorded" grep -q rabbitmqctl <(recorded rabbit-node3)
    expect "and is no read" grep -vqE "$READS" <(recorded rabbit-node3 | unquoted)
    declare_queue recorded classic
    eventually 5 "the request is recorded" writes_recorded
    rmqtop status --format json
    eventually 5 "rmqtop's reads are recorded" reads_recorded rabbit-node3
    expect "and its commands" grep -q 'ip' <(recorded rabbit-node2)
}

case_a_plan_changes_nothing() {
    local format
    before
    rmqtop plan restart-app "$NODE3"
    expect_code 0
    for format in P1 P2 P4 P5 P6 P9 P11 stop_app start_app rabbit-node3; do
        expect "the plan has $format" says "$format"
    done
    rmqtop plan restart-app "$NODE3" --format json
    expect_code 0
    expect "JSON: stop, then start, then the load balancers, each provable" shows \
        '.schema == 1 and (.plan | [.steps[].id] == ["stop-app", "start-app", "load-balancers"] and (.steps | all(.after | length > 0)) and .cluster == "lab")'
    expect "JSON: every check came out well or as advice" shows \
        '.plan.preflight | length >= 7 and all(.verdict | IN("passed", "not_applicable", "warning"))'
    rmqtop plan restart-app "$NODE3" --format markdown
    expect_code 0
    expect "markdown has a heading" grep -q '^#' "$out"
    expect "markdown has the command" grep -q 'rabbitmqctl .*stop_app' "$out"
    rmqtop plan restart-app "$NODE3" --format sh
    expect_code 0
    expect "sh satisfies shellcheck" shellcheck --shell=sh "$out"
    expect "sh has the command" grep -q 'rabbitmqctl .*stop_app' "$out"
    rmqtop plan restart-app rabbit-node3
    expect_code 0
    expect_untouched
}

case_a_run_without_execute_is_a_plan() {
    before
    rmqtop plan restart-app "$NODE3"
    cp "$out" "$CASE_DIR/plan"
    rmqtop run restart-app "$NODE3"
    expect_code 0
    expect "the same steps" diff <(grep -o 'rabbitmqctl .*' "$CASE_DIR/plan") <(grep -o 'rabbitmqctl .*' "$out")
    rmqtop run restart-app "$NODE3" --confirm "$NODE3"
    expect_code 0
    expect_untouched
}

case_without_the_right_confirmation_nothing_is_sent() {
    local name
    before
    rmqtop run restart-app "$NODE3" --execute
    expect_code 4
    expect "what is missing" says --confirm
    for name in rabbit@rabbit-node2 rabbit-node3 lab yes ""; do
        rmqtop run restart-app "$NODE3" --execute --confirm "$name"
        expect_code 4
    done
    expect_untouched
}

case_read_only_refuses() {
    before
    rmqtop --read-only run restart-app "$NODE3" --execute --confirm "$NODE3"
    expect_not "exit code 0" test "$code" = 0
    expect "that the session is read-only" says read-only
    sed -i 's/^\[clusters\.lab\]$/&\nread_only = true/' "$(config_file)"
    rmqtop run restart-app "$NODE3" --execute --confirm "$NODE3" --write
    expect_not "exit code 0" test "$code" = 0
    expect "what forbids it" says read_only
    rmqtop plan restart-app "$NODE3"
    expect_code 0
    expect_untouched
}

# What stands between a quorum and its loss: node2's app, stopped before.
without_node2() {
    ctl node2 stop_app
    eventually 15 "node2 is app_stopped" status_shows 'node("node2").state == "app_stopped"'
}

case_a_lost_quorum_is_refused_and_named() {
    declare_queue orders.paid quorum
    declare_queue orders.kept classic
    eventually 20 "the queue has three members" queue_on_three_nodes orders.paid
    without_node2
    before
    rmqtop run restart-app "$NODE3" --execute --confirm "$NODE3"
    expect_code 2
    expect "the queue that would lose its quorum" says orders.paid
    expect_not "a queue that has no quorum to lose" grep -q 'orders.kept.*quorum' "$out" "$err"
    rmqtop plan restart-app "$NODE3" --format json
    expect_code 2
    expect "the refusal in JSON" shows \
        '.refusal | (.reason | length > 0) and (.preflight | any(.id == "P5" and .verdict == "failed"))'
    expect_untouched
}

case_without_queues_the_metadata_store_decides() {
    local wanted=0
    # Khepri is a quorum itself; Mnesia and classic queues have none to lose.
    [[ $RELEASE != 4.3 ]] || wanted=2
    without_node2
    before
    rmqtop plan restart-app "$NODE3"
    expect_code "$wanted"
    ((wanted == 0)) || expect "the store by its name" grep -qiE 'khepri|rabbitmq_metadata|metadata store' "$out" "$err"
    expect_untouched
}

case_a_runtime_that_is_down_is_refused() {
    inside rabbit-node3 systemctl stop rabbitmq-server
    eventually 15 "node3 is down" status_shows 'node("node3").state == "down"'
    rmqtop run restart-app "$NODE3" --execute --confirm "$NODE3"
    expect_code 2
    expect "what to do instead" says "start-node"
    expect "it is still down" test "$(inside rabbit-node3 systemctl is-active rabbitmq-server || true)" = inactive
}

case_an_unknown_node_or_runbook_is_told() {
    rmqtop run restart-app rabbit@rabbit-node9 --execute --confirm rabbit@rabbit-node9
    expect_not "exit code 0" test "$code" = 0
    expect "the name" says rabbit-node9
    rmqtop plan restart-ap "$NODE3"
    expect_code 64
}

case_escape_characters_in_a_name_never_reach_the_terminal() {
    local name=$'evil\e[2J\e]0;owned\a\tqueue'
    declare_queue "$name" quorum
    eventually 20 "the queue has three members" queue_on_three_nodes "$name"
    without_node2
    rmqtop plan restart-app "$NODE3"
    expect_code 2
    expect "the queue is named" says evil
    expect_not "a control character" grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$out" "$err"
    rmqtop plan restart-app "$NODE3" --format markdown
    expect_not "a control character in markdown" grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$out" "$err"
    rmqtop plan restart-app "$NODE3" --format json
    expect "JSON names it as well" shows '[.. | strings | select(contains("evil"))] | length > 0'
    rmqtop status
    expect_not "a control character in the table" grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$out" "$err"
}
