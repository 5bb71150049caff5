# shellcheck shell=bash disable=SC2154
# Members that cannot boot: one that was forgotten comes back, one has another cookie, and one that
# hangs. What each is called, what answers it, and that the answer brings it back.

TWICE+=(a_member_with_another_cookie_is_told_and_aligned a_member_that_hangs_is_killed_and_started
    a_member_forgotten_while_it_was_cut_off_rejoins)

# The service dies again and again, or waits for a cluster that forgot it; it never runs.
cannot_boot() { status_shows 'node("node3").state | IN("restarting", "starting")'; }

is_restarting() { status_shows 'node("node3").state == "restarting"'; }

# Whether a stream of findings ever called node3 stopped, or well.
called_otherwise() {
    any_line '.event == "finding_opened" and .finding.id == "N1" and (.finding.title | test("app .* stopped"))' < "$CASE_DIR/watch.out"
}

check_says() { # words
    rmqtop check
    says "$1"
}

case_a_forgotten_member_comes_back_and_rejoins() {
    local data=/var/lib/rabbitmq/mnesia
    declare_queue orders quorum
    eventually 20 "orders has three replicas" queue_on_three_nodes orders
    inside rabbit-node3 systemctl stop rabbitmq-server
    ctl node1 forget_cluster_node "$THIRD"
    eventually 30 "the cluster has two members" members_are node1 "$TWO"
    inside rabbit-node3 systemctl start --no-block rabbitmq-server
    config_file > /dev/null
    start watch rmqtop_raw watch --format jsonl
    eventually 60 "node3 cannot boot" cannot_boot
    if [[ $RELEASE != 4.3 ]]; then
        eventually 90 "node3 is restarting" is_restarting
        check_ends_with 2 || fail "check ends with 2"
        expect "the reason from its log" says 'inconsistent_cluster'
        expect "what answers it" says rejoin
    fi
    rmqtop plan start-node "$THIRD"
    expect_code 2
    [[ $RELEASE == 4.3 ]] || expect "start-node says what answers it" says "rejoin $THIRD"
    rmqtop plan rejoin "$THIRD"
    expect_code 0
    expect "its data stays beside it" says "$data.bak-"
    # Until here: what joins it stops the app of a blank node.
    expect_not "node3 was called stopped or well meanwhile" called_otherwise
    export RUN_SECONDS=400
    destroy rejoin "$THIRD"
    expect_code 0
    expect_members "$THREE" node1 node2 node3
    expect "the app of node3 runs" app_runs rabbit-node3
    expect "the old data stands aside, whole" eval "inside rabbit-node3 sh -c 'test -d $data.bak-*/$THIRD'"
    sends_nothing destroy rejoin "$THIRD"
    eventually 60 "check ends with 0" check_ends_with 0
}

# It never died: it runs on, and believes to be a member.
case_a_member_forgotten_while_it_was_cut_off_rejoins() {
    "$LAB" cut rabbit-node3
    # While they still count it as running they refuse.
    eventually 150 "node1 forgets node3" ctl node1 forget_cluster_node "$THIRD"
    eventually 30 "the cluster has two members" members_are node1 "$TWO"
    "$LAB" heal rabbit-node3
    eventually 60 "what answers it" check_says "plan rejoin $THIRD"
    for runbook in join leave; do
        rmqtop plan "$runbook" "$THIRD"
        expect_code 2
        expect "what answers it instead of $runbook" says "rejoin $THIRD"
    done
    export RUN_SECONDS=400
    destroy rejoin "$THIRD"
    expect_code 0
    expect_members "$THREE" node1 node2 node3
    sends_nothing destroy rejoin "$THIRD"
    eventually 60 "check ends with 0" check_ends_with 0
}

case_a_member_with_another_cookie_is_told_and_aligned() {
    local cookie=/var/lib/rabbitmq/.erlang.cookie
    inside rabbit-node3 systemctl stop rabbitmq-server
    inside rabbit-node3 sh -c "printf ANOTHERCOOKIEANOTHER > $cookie"
    inside rabbit-node3 systemctl start --no-block rabbitmq-server
    eventually 60 "node3 cannot boot" cannot_boot
    expect_not "it is called stopped" check_says 'the app on rabbit-node3 is stopped'
    rmqtop run cookie-align "$THIRD" --execute
    expect_code 0
    expect_members "$THREE" node1 node2 node3
    eventually 60 "check ends with 0" check_ends_with 0
}

case_a_member_that_hangs_is_killed_and_started() {
    inside rabbit-node3 pkill -STOP -u rabbitmq beam
    eventually 60 "node3 hangs" status_shows 'node("node3").state == "hung"'
    check_ends_with 2 || fail "check ends with 2"
    rmqtop plan stop-node "$THIRD"
    expect_code 2
    expect "what ends it" says "stop-node $THIRD --kill"
    rmqtop run stop-node "$THIRD" --kill --execute --confirm "$THIRD"
    expect_code 4
    destroy stop-node "$THIRD" --kill
    expect_code 0
    expect_not "a runtime on node3" inside rabbit-node3 pgrep -u rabbitmq beam
    expect_not "a name in its epmd" eval "inside rabbit-node3 epmd -names | grep -q 'name rabbit '"
    sends_nothing destroy stop-node "$THIRD" --kill
    rmqtop run start-node "$THIRD" --execute
    expect_code 0
    expect_members "$THREE" node1 node2 node3
    eventually 60 "check ends with 0" check_ends_with 0
}
