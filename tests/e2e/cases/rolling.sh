# shellcheck shell=bash disable=SC2154
# `rolling-restart` of the whole cluster, with a client that publishes through
# the VIP all the time, and an operator whose machine fails in the middle.

PUBLISHER=rabbit-node3
NOTES=/root/publish.notes
# Quorum queues, a stream, and where there is such a thing a mirrored queue.
LOAD=(orders invoices stream:events)
[[ $RELEASE != 3.10 ]] || LOAD+=(mirrored)

publisher() { # argument...
    inside "$PUBLISHER" escript /root/publish.escript "$@" "amqp://guest:guest@$LAB_VIP:5671/%2f" \
        "$NOTES" "${LOAD[@]}"
}

noted() { # how many lines with these words
    inside "$PUBLISHER" grep -c "$1" "$NOTES" || true
}

has_published() { (($(noted '^orders ') > ${1:-0})); }

server_is() { # host server status
    in_operator curl -sS -f -m 5 "http://${LAB_ADDRESS[$1]}:8100/stats;csv" |
        grep -q "^rabbitmq_cluster,$2,.*,$3,"
}

resumed() { # run; a host counts a killed operator as its holder for some seconds
    rmqtop resume "$1" --execute --confirm lab
    [[ $code != 5 ]]
}

announced() { any_line '.what.event == "announced"' < "$CASE_DIR/first.out"; }

stopping() { # id of a step, by the run in the background
    local step
    step=$(jq -ne --arg id "$1" \
        '[inputs | .what | select(.event == "announced")][0].plan.steps | map(.id) | index($id)' \
        < "$CASE_DIR/first.out")
    any_line ".what | .event == \"sending\" and .step == $step" < "$CASE_DIR/first.out"
}

case_every_member_is_restarted_while_a_client_publishes() {
    local queue node id before=() after=() killed
    for queue in orders invoices; do
        expect "a queue" declare_queue "$queue" quorum
        eventually 20 "$queue has three replicas online" queue_on_three_nodes "$queue"
    done
    expect "a stream" declare_queue events stream
    if [[ $RELEASE == 3.10 ]]; then
        # As the article sets it: new mirrors synchronise only when told to.
        ctl node1 set_policy ha '^mirrored$' '{"ha-mode":"all"}' > /dev/null
        declare_on node2 mirrored
        eventually 20 "mirrored has three copies" has_copies mirrored 3
    fi
    cp "$E2E_DIR/lib/publish.escript" "$(host_root "$PUBLISHER")/root/"
    rmqtop run rolling-restart --execute --confirm "$NODE3"
    expect_code 4
    tell_haproxy rabbit-node2 mq-node3 maint
    eventually 10 "mq-node3 is in maint on rabbit-node2" server_is rabbit-node2 mq-node3 MAINT
    for node in node1 node2 node3; do before+=("$(runtime_identity "$node")"); done
    inside "$PUBLISHER" rm -f "$NOTES" "$NOTES.stop"
    start publisher publisher
    eventually 40 "the client publishes" has_published

    start first rmqtop_raw run rolling-restart --execute --confirm lab --format jsonl
    killed=${background[-1]}
    eventually 20 "the plan is announced" announced
    eventually 120 "the second member is stopped" stopping "stop-node $NODE3"
    kill -KILL -- "-$killed"
    wait "$killed" 2> /dev/null || true
    id=$(the_run)
    eventually 40 "the hosts are free again" resumed "$id"
    expect_code 0
    rmqtop runs "$id" --format json
    expect "done, in one journal" shows '.run | .outcome.outcome == "done" and (.resumed | length == 1)'
    expect "whoever holds the VIP was stopped last, each once" shows \
        '.run.steps | map(select(.sendings > 0 and (.id | startswith("stop-node"))) | .id) | length == 3 and (.[-1] | endswith("node1"))'

    for node in node1 node2 node3; do after+=("$(runtime_identity "$node")"); done
    for node in 0 1 2; do
        expect_not "the runtime that ran before on node$((node + 1))" test "${before[node]}" = "${after[node]}"
    done
    # A check that comes late on a busy machine shows for some seconds; a server left in drain stays.
    eventually 30 "rabbit-node1 uses all three" servers_up rabbit-node1
    expect "what an administrator took out stays out" server_is rabbit-node2 mq-node3 MAINT
    tell_haproxy rabbit-node2 mq-node3 ready
    inside "$PUBLISHER" touch "$NOTES.stop"
    eventually 40 "the client has ended" gone "${background[0]}"
    expect_same "confirmed messages that are lost" 0 "$(publisher --missing 2> /dev/null | grep -E '^[0-9]+$')"
    figure "a rolling restart under load: $(noted '^orders ') confirmed to each queue, connections lost: $(noted '^lost')," \
        "messages published again because nothing was said of them for 10 s: $(noted never_confirmed)," \
        "longest without a confirmation: $(inside "$PUBLISHER" sed -n 's/^longest //p' "$NOTES") ms"
    eventually 60 "check ends with 0" check_ends_with 0
    # A stream leaves a coordinator, whose quorum counts every member for good.
    "$LAB" up "$RELEASE" > /dev/null
}
