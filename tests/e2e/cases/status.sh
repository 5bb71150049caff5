# shellcheck shell=bash disable=SC2154
# `status` and `check` against what the hosts say themselves: a whole cluster,
# and each way in which a member can be missing.

ONCE+=(the_table_says_the_same_without_colour)
TWICE+=(totals_are_those_of_the_broker a_stopped_service_is_down_on_a_living_host
    a_killed_runtime_is_restarting a_host_without_power_is_unreachable a_silent_network_is_unreachable_too
    an_alarm_is_critical a_partition_is_told_and_ended)

# What these releases are installed with; the other figures come from the hosts.
store_of_release() {
    case $RELEASE in
        3.10 | 4.0) echo mnesia ;;
        4.3) echo khepri ;;
    esac
}

case_a_whole_cluster_is_reported_whole() {
    local version name
    version=$(ctl node1 version)
    # A node that has just started runs before it has told its figures, which it does every five seconds.
    eventually 20 "figures of every node" status_shows \
        '.nodes | all(.memory_used > 0 and .memory_limit > .memory_used and .disk_free > 0 and .uptime_ms > 0)'
    expect "schema 1 of cluster lab" shows '.schema == 1 and .cluster == "lab"'
    expect "observed now" shows '(now - (.observed_at | fromdate)) | fabs < 60'
    expect "the cluster's own name" shows ".broker.name == \"$LAB_CLUSTER_NAME\""
    expect "version $version" shows ".broker.version == \"$version\" and ([.nodes[].version] | all(. == \"$version\"))"
    expect_same "dpkg and rabbitmqctl agree" "$(package_version rabbitmq-server | sed 's/-.*//')" "$version"
    expect "metadata store" shows ".broker.metadata_store == \"$(store_of_release)\""
    expect "no alarm, no partition" shows '.broker | .alarms == [] and .partitions == []'
    expect "three nodes" shows '[.nodes[].name] == ["rabbit@rabbit-node1", "rabbit@rabbit-node2", "rabbit@rabbit-node3"]'
    expect "all running" shows '[.nodes[].state] | all(. == "running")'
    expect "all disc nodes" shows '[.nodes[].type] | all(. == "disc")'
    expect "two balancers" shows '[.load_balancers[] | [.host, .state]] == [["rabbit-node1", "up"], ["rabbit-node2", "up"]]'
    for name in node1 node2 node3; do
        expect "mq-$name is UP on both and joined by address to its node" shows \
            "servers(\"$name\") | length == 2 and all(.status == \"UP\" and .match == \"address\" and .node == \"rabbit@rabbit-$name\")"
    done
    expect "the VIP" shows "vip == (vip + {address: \"$LAB_VIP\", verdict: \"ok\", holders: [\"rabbit-node1\"], expected: \"rabbit-node1\"})"
    expect "no source fails and each is fresh" shows '.sources | length > 0 and all(.error == null and .age_ms < 10000)'
    expect "nothing found" shows '.findings == []'
    rmqtop check
    expect_code 0
}

case_totals_are_those_of_the_broker() {
    declare_queue counted classic
    printf '%s' '{"properties":{"delivery_mode":2},"routing_key":"counted","payload":"x","payload_encoding":"string"}' > "$CASE_DIR/message"
    for _ in 1 2 3; do
        api rabbit-node1 'exchanges/%2F/amq.default/publish' --data-binary "@$CASE_DIR/message" > /dev/null
    done
    # The broker emits its statistics every five seconds.
    eventually 20 "1 queue with 3 messages" status_shows \
        '.broker.totals | .queues == 1 and .messages == 3 and .messages_ready == 3 and .messages_unacknowledged == 0'
}

case_the_table_says_the_same_without_colour() {
    local word
    rmqtop status
    expect_code 0
    for word in my_rabbitmq_cluster rabbit@rabbit-node{1,2,3} mq-node{1,2,3} running UP "$LAB_VIP" "$(ctl node1 version)" "$(store_of_release)"; do
        expect "the table has $word" grep -qiF "$word" "$out"
    done
    expect_not "an escape in a table that is no terminal" grep -q $'\e' "$out"
    expect "no line wider than 120" awk 'length > 120 { exit 1 }' "$out"
    rmqtop status --color always
    expect "an escape where colour is asked for" grep -q $'\e' "$out"
}

case_a_stopped_app_is_told_from_a_dead_node() {
    ctl node3 stop_app
    eventually 15 "node3 is app_stopped" status_shows 'node("node3").state == "app_stopped"'
    expect "the others run" shows '[node("node1").state, node("node2").state] == ["running", "running"]'
    expect "no figure of a stopped app" shows 'node("node3") | .memory_used == null and .uptime_ms == null'
    # Three checks of five seconds each must fail.
    eventually 30 "mq-node3 is DOWN on both balancers" status_shows 'servers("node3") | length == 2 and all(.status | startswith("DOWN"))'
    expect "a critical finding about node3 whose answer is start-app" shows \
        '.findings | any(.severity == "critical" and (.subject | contains("rabbit-node3")) and .runbook == "start-app" and (.title | length > 0) and (.evidence | length > 0))'
    check_ends_with 2 || fail "check ends with 2"
    expect "check names the host" says rabbit-node3
    ctl node3 start_app
    eventually 40 "check ends with 0" check_ends_with 0
}

case_a_stopped_service_is_down_on_a_living_host() {
    inside rabbit-node3 systemctl stop rabbitmq-server
    eventually 15 "node3 is down" status_shows 'node("node3").state == "down"'
    check_ends_with 2 || fail "check ends with 2"
    inside rabbit-node3 systemctl start rabbitmq-server
    eventually 60 "check ends with 0" check_ends_with 0
}

case_a_killed_runtime_is_restarting() {
    inside rabbit-node2 systemctl kill --signal=KILL rabbitmq-server
    # systemd starts it again after ten seconds.
    eventually 10 "node2 is restarting" status_shows 'node("node2").state == "restarting"'
    eventually 90 "it is back and check ends with 0" check_ends_with 0
}

case_a_host_without_power_is_unreachable() {
    local started
    "$LAB" kill rabbit-node3
    eventually 15 "node3 is unreachable" status_shows 'node("node3").state == "unreachable"'
    started=$(now_cs)
    check_ends_with 2 || fail "check ends with 2"
    expect "the answer within 10 s though a host is silent" test $(($(now_cs) - started)) -lt 1000
    rmqtop status --format json
    expect "the others run, the VIP is ok" shows \
        '[node("node1").state, node("node2").state, vip.verdict] == ["running", "running", "ok"]'
    "$LAB" boot rabbit-node3
    eventually 90 "check ends with 0" check_ends_with 0
}

case_a_silent_network_is_unreachable_too() {
    "$LAB" cut rabbit-node3 --drop
    eventually 15 "node3 is unreachable" status_shows 'node("node3").state == "unreachable"'
    check_ends_with 2 || fail "check ends with 2"
    "$LAB" heal rabbit-node3
    eventually 60 "check ends with 0" check_ends_with 0
}

case_a_drained_node_runs() {
    # The API of 3.10 does not report it: the node is asked itself.
    inside rabbit-node3 rabbitmq-upgrade -q drain
    eventually 15 "node3 runs and is drained" status_shows \
        'node("node3") | .state == "running" and .draining == true'
    expect "its own API is closed, and that is told" shows 'source("management"; "node3").error != null'
    expect "the others are not drained" shows '[node("node1"), node("node2")] | all(.draining != true)'
    eventually 30 "mq-node3 is DOWN on both balancers" status_shows 'servers("node3") | all(.status | startswith("DOWN"))'
    check_ends_with 1 || fail "check ends with 1: clients lose nothing by it"
    expect "what ends it" says "plan revive $NODE3"
    inside rabbit-node3 rabbitmq-upgrade -q revive
    eventually 40 "check ends with 0" check_ends_with 0
}

case_an_alarm_is_critical() {
    ctl node2 set_vm_memory_high_watermark absolute 1MB
    eventually 30 "a memory alarm of node2" status_shows '.broker.alarms == [{node: "rabbit@rabbit-node2", resource: "memory"}]'
    check_ends_with 2 || fail "check ends with 2"
    ctl node2 set_vm_memory_high_watermark 0.4
    eventually 40 "check ends with 0" check_ends_with 0
}

# The runtimes lose one another for a moment; Mnesia takes that for a split. Khepri mends it itself.
case_a_partition_is_told_and_ended() {
    [[ $RELEASE != 4.3 ]] || return 0
    inside rabbit-node2 rabbitmqctl -q eval 'erlang:disconnect_node(list_to_atom("rabbit@rabbit-node3")).'
    eventually 30 "the brokers tell of a partition" status_shows '.broker.partitions != []'
    rmqtop check
    expect_code 2
    expect "a finding says it" says partition
    rmqtop plan leave "$NODE3"
    expect_code 2
    expect "the check that refuses" says 'no partition'
    # Who sees a part of the cluster only cuts itself off from the rest. One is believed; it forgets
    # the partition when all others are away at once.
    for node in "$NODE3" rabbit@rabbit-node2; do
        rmqtop run stop-app "$node" --execute --confirm "$node"
        expect_code 0
    done
    for node in rabbit@rabbit-node2 "$NODE3"; do
        rmqtop run start-app "$node" --execute
        expect_code 0
    done
    eventually 60 "no partition is left" status_shows '.broker.partitions == []'
    eventually 60 "check ends with 0" check_ends_with 0
}
