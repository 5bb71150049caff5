# shellcheck shell=bash disable=SC2154
# Runs that lose their operator or the runtime they act on, in the middle: `kill -9` between and
# inside steps. A colleague resumes them, and the cluster is whole.

TWICE+=(a_member_leaves_and_joins_though_its_operator_is_killed
    a_member_is_removed_though_its_operator_is_killed a_member_joins_though_its_runtime_is_killed)

sent_by() { # run verb
    any_line ".what | .event == \"sending\" and (.command | contains(\"$2\"))" < "$CASE_DIR/$1.out"
}

begin() { # name runbook argument...: in the background, told as events
    local name=$1
    shift
    config_file > /dev/null
    start "$name" rmqtop_raw run "$@" --execute --confirm "$THIRD" --confirm lab --format jsonl
}

kill_rmqtop() {
    local name=${RMQTOP##*/}
    # The kernel keeps fifteen characters of a name.
    kill -KILL "$(pgrep -g "${background[-1]}" -x "${name:0:15}")"
    eventually 5 "rmqtop is gone" gone "${background[-1]}"
}

# The host counts a killed operator as the holder of its lock for fifteen seconds.
member_resumed() { # id
    rmqtop resume "$1" --execute --confirm "$THIRD" --confirm lab
    ((code != 5))
}

newest_run() {
    rmqtop runs --format json
    jq -er '.runs[0].run' "$out"
}

case_a_member_leaves_and_joins_though_its_operator_is_killed() {
    local id
    declare_queue orders quorum
    eventually 20 "orders has three replicas" queue_on_three_nodes orders
    destroy leave "$THIRD"
    expect_code 0
    expect_members "$TWO" node1 node2
    expect_members 'disc node3' node3
    expect_same "users of node3, which is blank" guest \
        "$(inside rabbit-node3 rabbitmqctl --silent list_users | awk 'NR == 1 { print $1 }')"
    expect_same "replicas of orders" "node1 node2" "$(replicas orders)"
    sends_nothing destroy leave "$THIRD"

    begin first join "$THIRD"
    eventually 60 "join_cluster is sent" sent_by first join_cluster
    kill_rmqtop
    id=$(newest_run)
    eventually 30 "the host is free again" member_resumed "$id"
    expect_code 0
    expect_members "$THREE" node1 node2 node3
    expect "the app of node3 runs" app_runs rabbit-node3
    expect "node3 knows the cluster's users" \
        eval "inside rabbit-node3 rabbitmqctl --silent list_users | grep -q '^$LAB_USER'"
    expect "nothing was sent twice" shows_sent_once "$id"
    sends_nothing destroy join "$THIRD"
}

shows_sent_once() { # id
    rmqtop runs "$1" --format json
    shows '.run | .outcome.outcome == "done" and ([.steps[].sendings] | all(. <= 1))'
}

step_over() { # run step
    any_line ".what | .event == \"step_ended\" and .step == $2" < "$CASE_DIR/$1.out"
}

# Ends the operator's process as soon as the condition holds, and goes on in another.
killed_once() { # run condition...
    local name=$1 id
    shift
    eventually 90 "$*" "$@"
    kill_rmqtop
    id=$(newest_run)
    eventually 30 "the host is free again" member_resumed "$id"
    expect_code 0
    expect "nothing of $name was sent twice" shows_sent_once "$id"
}

case_a_member_is_removed_though_its_operator_is_killed() {
    declare_queue orders quorum
    eventually 20 "orders has three replicas" queue_on_three_nodes orders
    begin inside forget "$THIRD"
    killed_once inside sent_by inside forget_cluster_node
    expect_members "$TWO" node1 node2
    expect_same "replicas of orders" "node1 node2" "$(replicas orders)"
    begin between rejoin "$THIRD"
    killed_once between step_over between 0
    expect_members "$THREE" node1 node2 node3
    expect "the app of node3 runs" app_runs rabbit-node3
    [[ $RELEASE != 4.3 ]] || return 0

    # A member that turned to RAM may hold no replica.
    begin changing node-type "$THIRD" ram
    killed_once changing sent_by changing change_cluster_node_type
    expect_members "$TWO, ram node3" node1 node2 node3
    begin back node-type "$THIRD" disc
    killed_once back step_over back 0
    expect_members "$THREE" node1 node2 node3
    expect "the app of node3 runs" app_runs rabbit-node3
}

# The service comes back by itself where its unit says so; else the operator starts it.
revive_runtime() { # node
    local host
    host=$(host "$1")
    wait_until 30 "rabbitmq-server is active on $host" broker_active "$host" ||
        inside "$host" systemctl start rabbitmq-server
    eventually 90 "the runtime of $1 answers" inside "$host" rabbitmqctl -q status
}

case_a_member_joins_though_its_runtime_is_killed() {
    local id
    destroy leave "$THIRD"
    expect_code 0
    begin first join "$THIRD"
    eventually 60 "join_cluster is sent" sent_by first join_cluster
    inside rabbit-node3 systemctl kill --signal=KILL rabbitmq-server
    revive_runtime node3
    eventually 330 "the run is over" gone "${background[-1]}"
    id=$(newest_run)
    if ! jq -e '.runs[0].outcome.outcome == "done"' "$out"; then
        eventually 30 "the host is free again" member_resumed "$id"
        expect_code 0
    fi
    expect_members "$THREE" node1 node2 node3
    expect "the app of node3 runs" app_runs rabbit-node3
    eventually 60 "check ends with 0" check_ends_with 0
}
