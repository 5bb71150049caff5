# shellcheck shell=bash disable=SC2154
# 4.0 is the one release of the three that runs on either metadata store. What differs on Khepri
# is done there once more: it is enabled in the running cluster, as an operator would.

enable_khepri() {
    inside rabbit-node1 rabbitmqctl -q enable_feature_flag --experimental khepri_db
    eventually 30 "the cluster runs on Khepri" status_shows '.broker.metadata_store == "khepri"'
}

case_a_cluster_of_4_0_lives_on_khepri() {
    local node
    [[ $RELEASE == 4.0 ]] || return 0
    declare_queue orders quorum
    eventually 20 "orders has three replicas" queue_on_three_nodes orders
    publish orders
    enable_khepri

    destroy node-type "$THIRD" ram
    expect_code 2
    expect "version and store" says "Khepri knows no RAM nodes; this is RabbitMQ $(ctl node1 version) · khepri"
    destroy join "$THIRD" --ram
    expect_code 2

    destroy leave "$THIRD"
    expect_code 0
    expect_members "$TWO" node1 node2
    expect_members 'disc node3' node3
    destroy join "$THIRD" --ram
    expect_code 2
    expect "what to do instead" says 'join it as a disc member'
    destroy join "$THIRD"
    expect_code 0
    expect_members "$THREE" node1 node2 node3
    destroy forget "$THIRD"
    expect_code 0
    expect_members "$TWO" node1 node2
    destroy rejoin "$THIRD"
    expect_code 0
    expect_members "$THREE" node1 node2 node3
    rmqtop run quorum-grow "$THIRD" --execute
    expect_code 0

    # What node3 wrote down of its life alone, on Mnesia, must not be taken for the truth.
    stop_all
    another_machine
    rmqtop run start-cluster --execute
    expect_code 0
    for node in node1 node2 node3; do
        expect_same "members as $node knows them" 'node1 node2 node3 / node1 node2 node3' "$(members_of "$node")"
    done
    eventually 30 "orders has its messages" kept_messages
    eventually 30 "check ends with 0" check_ends_with 0

    stop_all
    "$LAB" kill rabbit-node1
    rmqtop plan forget-offline rabbit-node1 --on rabbit-node3
    expect_code 2
    rmqtop run recover-lost-node --execute --confirm lab
    expect_code 0
    for node in node2 node3; do
        expect_same "members as $node knows them" 'node2 node3 / node2 node3' "$(members_of "$node")"
    done
    # There is no way back from Khepri.
    "$LAB" up "$RELEASE" > /dev/null
}

kept_messages() { [[ $(messages orders) == 3 ]]; }
