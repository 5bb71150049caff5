# shellcheck shell=bash disable=SC2154
# The whole cluster is stopped by one machine and started by another; the member
# that stopped last is lost and the others come up without it. What the cluster
# is afterwards, rabbitmqctl says.

TWICE+=(a_member_without_its_data_is_not_started_blank
    a_service_that_systemd_refuses_to_start_is_told_and_started_by_the_next_plan)

# Another machine knows nothing of the journal of the first.
another_machine() { rm -rf "$CASE_DIR/state"; }

services() { for host in "${LAB_HOSTS[@]}"; do inside "$host" systemctl is-active rabbitmq-server || true; done | xargs; }

members_of() { # node
    inside "$(host "$1")" rabbitmqctl --silent --formatter json cluster_status |
        jq -r '[.disk_nodes + .ram_nodes, .running_nodes | map(sub("rabbit@rabbit-"; "")) | sort | join(" ")] | join(" / ")'
}

changes() { for host in "${LAB_HOSTS[@]}"; do recorded "$host"; done | grep -cE 'systemctl (stop|start)|forget_cluster_node' || true; }

stop_all() {
    rmqtop run stop-cluster --execute --confirm lab
    expect_code 0
    expect_same "services after the stop" 'inactive inactive inactive' "$(services)"
}

case_a_whole_cluster_is_stopped_here_and_started_elsewhere() {
    declare_queue kept classic
    declare_queue safe quorum
    rmqtop run stop-cluster --execute --confirm wrong
    expect_code 4
    stop_all
    another_machine
    rmqtop run start-cluster --execute
    expect_code 0
    if [[ $RELEASE != 4.3 ]]; then
        # rabbit-node1 holds the VIP, so that it stopped last.
        expect "the one that stopped last started first" \
            grep -q 'step 1 of .*: start rabbitmq-server of rabbit@rabbit-node1;' "$out"
    fi
    for node in node1 node2 node3; do
        expect_same "members as $node knows them" 'node1 node2 node3 / node1 node2 node3' "$(members_of "$node")"
    done
    expect_same "queues" 'kept safe' "$(ctl node1 list_queues name --silent | sort | xargs)"
    record_commands
    rmqtop run start-cluster --execute
    expect_code 0
    expect_same "commands that a second start sends" 0 "$(changes)"
    eventually 30 "check ends with 0" check_ends_with 0
}

case_the_member_that_stopped_last_is_lost() {
    declare_queue safe quorum
    stop_all
    "$LAB" kill rabbit-node1
    if [[ $RELEASE == 4.3 ]]; then
        rmqtop plan forget-offline rabbit-node1 --on rabbit-node3
        expect_code 2
        expect "it says why" says 'is not supported'
    else
        rmqtop plan start-cluster
        expect_code 2
        expect "it says what to do" says recover-lost-node
        rmqtop plan forget-offline rabbit-node1 --on rabbit-node1
        expect_code 2
    fi
    # The tool looks for the lost member for half a minute first.
    export RUN_SECONDS=240
    rmqtop run recover-lost-node --execute --confirm lab
    expect_code 0
    for node in node2 node3; do
        expect_same "members as $node knows them" 'node2 node3 / node2 node3' "$(members_of "$node")"
    done
    # The recorder needs every host; a command that is sent is told.
    rmqtop run recover-lost-node --execute --confirm lab
    expect_code 0
    expect_not "commands that a second recovery sends" grep -q ' \$ ' "$out"
    # A lost member that comes back is a stranger: the next case begins with a new cluster.
    "$LAB" up "$RELEASE" > /dev/null
}

# Only one start in ten minutes, where the unit of 4.3 allows five.
one_start_only() { # host
    inside "$1" sh -c "mkdir -p $UNIT_CHANGES &&
        printf '[Unit]\nStartLimitIntervalSec=600\nStartLimitBurst=1\n' > $UNIT_CHANGES/e2e.conf &&
        systemctl daemon-reload"
}

# What a volume that is not mounted looks like.
case_a_member_without_its_data_is_not_started_blank() {
    local dir=/var/lib/rabbitmq/mnesia
    inside rabbit-node3 systemctl stop rabbitmq-server
    inside rabbit-node3 sh -c "mv -T $dir $dir.volume && mkdir $dir && chown --reference=$dir.volume $dir"
    for runbook in start-node restart-node; do
        rmqtop run "$runbook" rabbit-node3 --execute --confirm rabbit@rabbit-node3
        expect_code 2
        expect "$runbook says what it would be" says 'it would start blank'
    done
    rmqtop plan start-cluster
    expect_code 0
    expect "it is left out" says 'rabbit@rabbit-node3 is left out: its data directory is gone'
    expect_not "a step for it" says 'start rabbitmq-server of rabbit@rabbit-node3'
    expect_same "the service" inactive "$(inside rabbit-node3 systemctl is-active rabbitmq-server || true)"
    inside rabbit-node3 sh -c "rmdir $dir && mv -T $dir.volume $dir"
    rmqtop run start-node rabbit-node3 --execute --confirm rabbit@rabbit-node3
    expect_code 0
    expect_same "members as node1 knows them" 'node1 node2 node3 / node1 node2 node3' "$(members_of node1)"
}

case_a_service_that_systemd_refuses_to_start_is_told_and_started_by_the_next_plan() {
    one_start_only rabbit-node3
    # The one start that is allowed.
    inside rabbit-node3 systemctl restart rabbitmq-server
    eventually 60 "node3 runs" app_runs rabbit-node3
    rmqtop run restart-node rabbit@rabbit-node3 --execute --confirm rabbit@rabbit-node3
    expect_code 1
    expect "it says what lifts the refusal" says 'reset-failed'
    expect_same "the service" failed "$(inside rabbit-node3 systemctl is-active rabbitmq-server || true)"
    rmqtop plan start-node rabbit@rabbit-node3
    expect_code 0
    expect "the plan lifts it first" says 'systemctl reset-failed rabbitmq-server'
    rmqtop run start-node rabbit@rabbit-node3 --execute --confirm rabbit@rabbit-node3
    expect_code 0
    expect_same "members as node1 knows them" 'node1 node2 node3 / node1 node2 node3' "$(members_of node1)"
}
