# shellcheck shell=bash disable=SC2154
# Who is a member: whole procedures on node3, with queues of every kind on it. What came of each is
# asked of `rabbitmqctl` and the management API, and every runbook is run a second time, when
# nothing may be sent any more.

TWICE+=(a_cluster_is_renamed a_kicked_out_node_is_wiped_and_joins)

THIRD=rabbit@rabbit-node3

destroy() { # runbook argument...
    rmqtop run "$@" --execute --confirm "$THIRD" --confirm lab
}

# Members and their types, by the word of a node's own rabbitmqctl.
members() { # node
    inside "$(host "$1")" rabbitmqctl --silent --formatter json cluster_status |
        jq -c '[(.disk_nodes[] | "disc \(.)"), ((.ram_nodes // [])[] | "ram \(.)")] | sort | map(sub("rabbit@rabbit-"; "")) | join(", ")'
}

members_are() { # node wanted
    [[ $(members "$1") == "\"$2\"" ]]
}

THREE='disc node1, disc node2, disc node3'
TWO='disc node1, disc node2'

expect_members() { # wanted node...
    local wanted=$1 node
    shift
    for node; do
        expect_same "the members as $node knows them" "\"$wanted\"" "$(members "$node")"
    done
}

# What is sent to change something; `reset-failed` is systemd's.
CHANGES='(stop|start)_app|[^-]reset( |$)|join_cluster|forget_cluster_node|change_cluster_node_type|set_cluster_name|shrink|grow|systemctl (stop|start) rabbitmq'

# The same once more: it is done already, and nothing is sent.
sends_nothing() { # command...
    local name
    record_commands
    "$@"
    expect_code 0
    for name in "${LAB_HOSTS[@]}"; do
        recorded "$name" | sed "s/['\"\\\\]//g" > "$CASE_DIR/sent-$name"
        expect_not "a change sent to $name by the second $*" grep -E "$CHANGES" "$CASE_DIR/sent-$name"
        forget_recorder "$name"
    done
}

declare_on() { # node name: a classic queue there
    api "$(host "$1")" "queues/%2F/$2" -X PUT \
        --data-binary "{\"durable\":true,\"node\":\"rabbit@rabbit-$1\",\"arguments\":{\"x-queue-type\":\"classic\"}}"
}

publish() { # queue...: three lasting messages each
    local queue
    for queue; do
        for _ in 1 2 3; do
            api rabbit-node1 'exchanges/%2F/amq.default/publish' > /dev/null --data-binary \
                "{\"properties\":{\"delivery_mode\":2},\"routing_key\":\"$queue\",\"payload\":\"x\",\"payload_encoding\":\"string\"}"
        done
    done
}

messages() { # queue, by the word of node1; nothing if there is no such queue
    inside rabbit-node1 rabbitmqctl --silent list_queues name messages | awk -v q="$1" '$1 == q { print $2 }'
}

# The management API of 3.10 goes on telling the former leader's list for up to two minutes.
replicas() { # queue: members of its group, by the word of node1's own rabbitmqctl
    inside rabbit-node1 rabbitmqctl --silent --formatter json list_queues name members |
        jq -r --arg queue "$1" '.[] | select(.name == $queue) | .members | map(sub("rabbit@rabbit-"; "")) | sort | join(" ")'
}

replicas_are() { # queue wanted
    [[ $(replicas "$1") == "$2" ]]
}

# A quorum queue and a stream on all nodes, a classic queue on node3 alone, and where there is such
# a thing a classic queue of node3 that is mirrored.
fill() {
    declare_queue orders quorum
    declare_queue events stream
    declare_on node3 sessions
    if [[ $RELEASE == 3.10 ]]; then
        ctl node1 set_policy ha '^mirrored$' '{"ha-mode":"all","ha-sync-mode":"automatic"}' > /dev/null
        declare_on node3 mirrored
    fi
    eventually 20 "orders has three replicas" queue_on_three_nodes orders
    publish orders sessions
    [[ $RELEASE != 3.10 ]] || publish mirrored
    # The broker emits its figures every five seconds.
    eventually 30 "the figures of all queues are out" figures_out
}

figures_out() {
    api rabbit-node1 queues | jq -e '[.[] | select(.type != "stream")] | all(.messages == 3)'
}

expect_kept() { # the queues with another copy
    expect_same "messages in orders" 3 "$(messages orders)"
    [[ $RELEASE != 3.10 ]] || expect_same "messages in mirrored" 3 "$(messages mirrored)"
    expect_same "the queue with its only copy on node3" "" "$(messages sessions)"
}

is_a_copy() { # file
    [[ $(stat -c %a "$1") == 600 ]] && jq -e 'any(.queues[]; .name == "orders") and (.users | length > 0)' "$1"
}

case_a_member_is_kicked_out_and_rejoins() {
    # For a moment its row does not tell who has a replica.
    declare_queue fresh stream
    rmqtop plan leave "$THIRD"
    expect_code 2
    expect "the stream that counts on node3" says 'streams count on: fresh'
    api rabbit-node1 queues/%2F/fresh -X DELETE
    fill
    rmqtop plan leave "$THIRD"
    expect_code 2
    expect "a stream counts on node3; what takes it off" says "forget $THIRD"
    rmqtop plan forget "$THIRD"
    expect_code 0
    expect "the queue that is lost, with its messages" grep -q '1 queue.*sessions; 3 messages lost' "$out"
    destroy forget "$THIRD"
    expect_code 0
    expect "a private copy of what was defined" is_a_copy "$(sed -n 's/.* definitions before it are kept in //p' "$out")"
    expect_members "$TWO" node1 node2
    expect_same "replicas of orders" "node1 node2" "$(replicas orders)"
    # 3.10.8 goes on listing the replica of a stream, by its own rabbitmqctl; why is not known yet.
    [[ $RELEASE == 3.10 ]] || eventually 30 "the stream has no replica on node3" replicas_are events "node1 node2"
    expect_kept
    expect_not "the app of node3 runs" app_runs rabbit-node3
    sends_nothing destroy forget "$THIRD"

    destroy rejoin "$THIRD"
    expect_code 0
    expect_members "$THREE" node1 node2 node3
    expect "the app of node3 runs" app_runs rabbit-node3
    expect_kept
    sends_nothing destroy rejoin "$THIRD"
    rmqtop run quorum-grow "$THIRD" --execute
    expect_code 0
    expect_same "replicas of orders" "node1 node2 node3" "$(replicas orders)"
    # A stream that ever was leaves a coordinator, whose quorum counts every member for good: the
    # next case begins with a new cluster.
    "$LAB" up "$RELEASE" > /dev/null
}

case_a_member_turns_to_ram_and_back() {
    if [[ $RELEASE == 4.3 ]]; then
        destroy node-type "$THIRD" ram
        expect_code 2
        expect "version and store" says "RAM nodes were removed in RabbitMQ 4.3; this is RabbitMQ $(ctl node1 version) · khepri"
        expect "what to do instead" says instead:
        expect_members "$THREE" node1 node2 node3
        return
    fi
    destroy node-type "$THIRD" ram
    expect_code 0
    expect_members "$TWO, ram node3" node1 node2 node3
    sends_nothing destroy node-type "$THIRD" ram
    destroy node-type "$THIRD" disc
    expect_code 0
    expect_members "$THREE" node1 node2 node3
    destroy join "$THIRD" --ram
    expect_code 2
    expect "it is a disc member, and what turns it" says "node-type $THIRD ram"
}

case_a_cluster_is_renamed() {
    local node
    rmqtop run rename-cluster 'orders "west"' --execute
    expect_code 0
    for node in node1 node2 node3; do
        expect_same "the name as $node knows it" 'orders "west"' \
            "$(inside "$(host "$node")" rabbitmqctl --silent --formatter json cluster_status | jq -r .cluster_name)"
    done
    sends_nothing rmqtop run rename-cluster 'orders "west"' --execute
    rmqtop run rename-cluster "$LAB_CLUSTER_NAME" --execute
    expect_code 0
}

cookie_of() { # node
    cat "$(host_root "$(host "$1")")/var/lib/rabbitmq/.erlang.cookie"
}

case_a_kicked_out_node_is_wiped_and_joins() {
    local data=/var/lib/rabbitmq/mnesia
    rmqtop plan wipe "$THIRD"
    expect_code 2
    expect "a member is not wiped" says "lists $THIRD as a member"
    destroy forget "$THIRD"
    expect_code 0
    destroy wipe "$THIRD"
    expect_code 0
    expect_members 'disc node3' node3
    expect "the old data stands aside, whole" eval \
        "inside rabbit-node3 sh -c 'test -d $data.bak-*/$THIRD'"
    expect_members "$TWO" node1
    sends_nothing destroy wipe "$THIRD"
    destroy join "$THIRD"
    expect_code 0
    expect_members "$THREE" node1 node2 node3
}
