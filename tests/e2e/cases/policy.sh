# shellcheck shell=bash disable=SC2154
# Policies and mirrors: set, proved by other nodes, found to be so already, and
# cleared; what a release does not know, what a user may not, and what chance
# would decide is told before anything is sent.

TWICE+=(a_policy_is_set_proved_and_cleared)

HA_TWO='{"ha-mode":"exactly","ha-params":2,"ha-sync-mode":"manual"}'

has_mirrors() { [[ $RELEASE == 3.* ]]; }

# A policy by the broker's own tool, as one line; nothing if there is none.
policy_by_ctl() { # node name
    ctl "$1" list_policies --formatter json |
        jq -cr --arg name "$2" '.[] | select(.name == $name) | [.pattern, (.definition | if type == "string" then fromjson else . end), .priority, .["apply-to"]]'
}

# What a queue says of the policy on it, through another node than the first.
policy_on() { # queue
    api rabbit-node3 "queues/%2F/$1" | jq -r '.policy // "none"'
}

is_under() { [[ $(policy_on "$1") == "$2" ]]; }

copies_of() { # queue
    ctl node2 list_queues name slave_pids --formatter json |
        jq --arg name "$1" '.[] | select(.name == $name) | (.slave_pids // "" | if type == "string" then (if . == "" then [] else split(",") end) else . end | length) + 1'
}

has_copies() { [[ $(copies_of "$1") == "$2" ]]; }

# The requests of the operator that change something, one line each.
writes() { writes_recorded | grep -oE '(PUT|POST|DELETE|PATCH) /[^ ]*'; }

expect_writes() { # request...
    local wanted
    wanted=$(printf '%s\n' "$@")
    eventually 5 "the request is recorded" test "$(writes)" = "$wanted"
}

case_a_policy_is_set_proved_and_cleared() {
    local definition='{"max-length":1000}' key=max-length
    ! has_mirrors || definition='{"ha-mode":"all"}' key=ha-mode
    declare_queue orders classic
    record_requests
    rmqtop plan policy-set ha-all --pattern '^' --definition "$definition"
    expect_code 0
    for word in 'matches every name' 'gain' "$key" orders 'policy-clear ha-all' exchanges; do
        expect "the plan has $word" says "$word"
    done
    rmqtop plan policy-set ha-all --pattern '^' --definition "$definition" --format sh
    expect_code 0
    expect "sh satisfies shellcheck" shellcheck --shell=sh "$out"
    expect "sh has the request" grep -q '^curl .*--request PUT .*/policies/%2F/ha-all$' "$out"
    expect_not "the password in it" grep -qF "$(< "$LAB_STATE/password")" "$out"
    rmqtop run policy-set ha-all --pattern '^' --definition "$definition"
    expect_code 0
    rmqtop --read-only run policy-set ha-all --pattern '^' --definition "$definition" --execute
    expect_code 2
    expect "the broker heard the reads" reads_recorded rabbit-node1
    expect_not "a writing request before --execute" writes_recorded

    rmqtop run policy-set ha-all --pattern '^' --definition "$definition" --execute
    expect_code 0
    expect_same "the policy by rabbitmqctl" "[\"^\",$definition,0,\"all\"]" "$(policy_by_ctl node2 ha-all)"
    expect "in force on the queue, as another node says" is_under orders ha-all
    ! has_mirrors || expect "three copies" has_copies orders 3
    expect_writes 'PUT /api/policies/%2F/ha-all'
    rmqtop run policy-set ha-all --pattern '^' --definition "$definition" --execute
    expect_code 0
    expect "that it was so already" says 'was so already'
    expect_writes 'PUT /api/policies/%2F/ha-all'

    rmqtop plan policy-clear ha-all
    expect_code 0
    expect "the way back" says "policy-set ha-all --pattern='^' --definition='$definition'"
    rmqtop run policy-clear ha-all --execute
    expect_code 0
    expect_same "policies left" "" "$(policy_by_ctl node2 ha-all)"
    expect "no policy on the queue, as another node says" is_under orders none
    ! has_mirrors || expect "one copy" has_copies orders 1
    rmqtop run policy-clear ha-all --execute
    expect_code 0
    expect "that there was none already" says 'was so already'
    expect_writes 'PUT /api/policies/%2F/ha-all' 'DELETE /api/policies/%2F/ha-all'
    expect_not "the password in the journal" grep -rqF "$(< "$LAB_STATE/password")" "$CASE_DIR/state"
}

case_mirrors_follow_the_release() {
    declare_queue orders classic
    declare_queue paid quorum
    if ! has_mirrors; then
        rmqtop run policy-set ha-two --pattern '^' --definition "$HA_TWO" --execute
        expect_code 2
        for word in "$(tr -d '\n' < "$LAB_STATE/release")" 'not recognised policy settings' 'quorum queues'; do
            expect "the refusal has $word" says "$word"
        done
        rmqtop run mirror-majority --execute
        expect_code 2
        expect "the queue with a single copy" says orders
        expect_not "a queue that has replicas" says paid
        rmqtop run mirror-sync orders --execute
        expect_code 2
        expect "that mirrors were removed" says 'removed in RabbitMQ 4.0'
        return
    fi
    rmqtop run policy-set ha-two --pattern '^' --definition "$HA_TWO" --apply-to queues --execute
    expect_code 0
    expect "two copies" has_copies orders 2
    expect_not "the policy on a quorum queue" is_under paid ha-two
    rmqtop plan mirror-majority
    expect_code 0
    expect "that chance would decide" says 'chance decides'
    rmqtop run policy-clear ha-two --execute
    expect_code 0
    # Messages that are there before a mirror is are copied only when that is asked for.
    api rabbit-node1 exchanges/%2F/amq.default/publish -X POST --data-binary \
        '{"properties":{"delivery_mode":2},"routing_key":"orders","payload":"x","payload_encoding":"string"}'
    rmqtop run mirror-majority --execute
    expect_code 0
    expect_same "the policy by rabbitmqctl" "[\"^\",$HA_TWO,0,\"queues\"]" "$(policy_by_ctl node2 mirror-majority)"
    expect "two copies" has_copies orders 2
    rmqtop plan mirror-sync orders
    expect_code 0
    expect "what it does to the queue" says 'takes and delivers nothing'
    rmqtop run mirror-sync orders --execute
    expect_code 0
    expect "every copy is in sync" says 'copies of orders are in sync'
    expect_same "mirrors in sync by rabbitmqctl" 1 \
        "$(ctl node2 list_queues name synchronised_slave_pids --formatter json | jq '.[] | select(.name == "orders") | .synchronised_slave_pids | length')"
    rmqtop run mirror-sync orders --execute
    expect_code 0
    expect "that it was so already" says 'was so already'
}

case_what_a_broker_would_refuse_is_told_before() {
    record_requests
    rmqtop run policy-set p --pattern '^ha(' --definition '{"max-length":1}' --execute
    expect_not "exit code 0" test "$code" = 0
    expect "where the pattern breaks" says 'at character 4'
    rmqtop run policy-set p --pattern '^' --definition '{"max-length" 1}' --execute
    expect_not "exit code 0" test "$code" = 0
    expect "where the JSON breaks" says 'line 1 column 15'
    rmqtop run policy-set p --pattern '^' --definition '{"max-length":1}' --apply-to queue --execute
    expect_not "exit code 0" test "$code" = 0
    expect "what it may apply to" says 'exchanges, queues'
    expect_not "a writing request" writes_recorded
    # What only the broker can tell, in its own words.
    rmqtop run policy-set p --pattern '^' --definition '{"max-lenght":1}' --execute
    expect_code 1
    expect "the broker's reason" says 'are not recognised policy settings'
    expect_same "policies" "" "$(policy_by_ctl node2 p)"

    printf '{"password":"%s","tags":"monitoring"}' "$(< "$LAB_STATE/password")" |
        api rabbit-node1 users/watcher -X PUT --data-binary @-
    sed -i 's/^username = "rmqtop"$/username = "watcher"/' "$(config_file)"
    rmqtop run policy-set p --pattern '^' --definition '{"max-length":1}' --execute
    expect_code 2
    expect "the tag that is missing" says policymaker
    api rabbit-node1 users/watcher -X DELETE
}
