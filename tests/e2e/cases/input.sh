# shellcheck shell=bash disable=SC2034,SC2154
# Bad input: each gives a message with its subject, the rest goes on.

ONCE+=(an_unknown_key_is_named_with_its_line a_missing_configuration_is_named
    an_unknown_cluster_is_told_with_the_known_ones a_missing_password_is_told_by_its_variable
    a_wrong_password_is_told_and_not_tried_again a_refused_api_does_not_hide_the_node
    a_silent_api_is_bounded a_changed_host_key_is_told_and_nothing_sent a_wrong_command_line_is_64)

edit_config() { sed -i "$@" "$(config_file)"; }

case_an_unknown_key_is_named_with_its_line() {
    local line
    edit_config 's/^username = /usernme = /'
    line=$(grep -n '^usernme' "$(config_file)" | cut -d : -f 1)
    for command in status check watch; do
        rmqtop "$command"
        expect_not "exit code 0 of $command" test "$code" = 0
        expect "file and line" says "config.toml:$line:"
        expect "the key" says usernme
        expect "what was meant" grep -qE 'did you mean .username' "$err"
        expect "nothing on standard output" test ! -s "$out"
    done
    rmqtop check
    expect_code 3
}

case_a_missing_configuration_is_named() {
    rm "$(config_file)"
    mkdir "$CASE_DIR/config.toml"
    rmqtop status
    expect_not "exit code 0" test "$code" = 0
    expect "the file" says config.toml
}

case_an_unknown_cluster_is_told_with_the_known_ones() {
    rmqtop --cluster prod status
    expect_not "exit code 0" test "$code" = 0
    expect "the name asked for and the one there is" eval "grep -q prod $err && grep -q lab $err"
}

# What does not need the API is seen all the same.
expect_the_rest() {
    expect "balancers and VIP are still seen" shows \
        'vip.verdict == "ok" and ([.load_balancers[] | .state, .servers[].status] | all(. == "up" or . == "UP"))'
}

case_a_missing_password_is_told_by_its_variable() {
    edit_config 's/^password_file = .*/password_env = "E2E_NO_SUCH_VARIABLE"/'
    rmqtop status --format json
    expect "the variable" says E2E_NO_SUCH_VARIABLE
    if ((code == 0)); then
        expect_the_rest
        rmqtop check
        expect_not "check ends with 0" test "$code" = 0
    fi
}

case_a_wrong_password_is_told_and_not_tried_again() {
    local asked host
    edit_config 's/^password_file = .*/password_env = "RMQTOP_PASSWORD"/'
    # shellcheck disable=SC2016
    wrong() { as_operator sh -c 'RMQTOP_PASSWORD=Tr0ub4dor exec "$@"' sh "$RMQTOP" --config "$(config_file)" "$@"; }
    last="rmqtop with a wrong password"
    wrong status --format json > "$out" 2> "$err"
    expect "401 of every node" shows '[.sources[] | select(.source == "management") | .error // "" | contains("401")] == [true, true, true]'
    expect_the_rest
    expect "a finding says it" shows '.findings | any(.evidence | tostring | contains("401"))'
    expect "no node is called running without proof" shows '[.nodes[].state] | all(. != "running")'
    expect_not "the password is shown" grep -q Tr0ub4dor "$out" "$err"
    wrong check > "$out" 2> "$err" || code=$?
    expect_not "check ends with 0" test "$code" = 0
    record_requests
    start watch wrong watch --format jsonl
    eventually 15 "watch tells of the source" grep -q 401 "$CASE_DIR/watch.out"
    eventually 15 "watch sees the VIP" grep -q '"ok"' "$CASE_DIR/watch.out"
    asked=$(cat "$CASE_DIR"/requests-*.out | grep -ac 'GET /api')
    expect "the API was asked, and that is recorded" test "$asked" -gt 0
    # Long enough for several polls of every interval that the product uses for the API.
    eventually 20 "fifteen seconds" older_than 1500 "$(now_cs)"
    for host in "${LAB_HOSTS[@]}"; do
        expect_same "what $host was asked with a wrong password" "GET /api/whoami" \
            "$(grep -aoE 'GET /api/[a-z/-]+' "$CASE_DIR/requests-$host.out" || true)"
    done
}

older_than() { # centiseconds since
    (($(now_cs) - $2 > $1))
}

# A packet filter on a host: refuses the management port, or loses its packets.
api_filter() { # node verdict
    nsenter --net="/run/netns/$(host_ns "$(host "$1")")" nft -f - << NFT
table inet e2e {
    chain input { type filter hook input priority 0; tcp dport 15672 $2; }
}
NFT
}

case_a_refused_api_does_not_hide_the_node() {
    api_filter node3 "reject with tcp reset"
    eventually 15 "refused is told" status_shows 'source("management"; "node3").error // "" | test("refused")'
    expect "node3 runs by its peers' word" shows 'node("node3").state == "running"'
    expect_the_rest
    check_ends_with 1 || fail "check ends with 1"
    expect "check names the host" says rabbit-node3
    allow_all rabbit-node3
    eventually 15 "check ends with 0" check_ends_with 0
}

case_a_silent_api_is_bounded() {
    local t0
    api_filter node3 drop
    t0=$(now_cs)
    rmqtop status --format json
    expect "an answer within 15 s" test $(($(now_cs) - t0)) -lt 1500
    expect "the silent source is told" shows 'source("management"; "node3").error != null'
    expect "node3 runs by its peers' word" shows 'node("node3").state == "running"'
    expect_the_rest
}

case_a_changed_host_key_is_told_and_nothing_sent() {
    sed "s#$LAB_STATE/known_hosts#$CASE_DIR/known_hosts#" "$LAB_STATE/ssh_config" > "$CASE_DIR/ssh_config"
    ssh-keygen -q -t ed25519 -N '' -f "$CASE_DIR/other"
    sed "s#^\(rabbit-node2,[^ ]*\) .*#\1 $(cut -d ' ' -f 1,2 "$CASE_DIR/other.pub")#" "$LAB_STATE/known_hosts" > "$CASE_DIR/known_hosts"
    edit_config "s#^ssh_config = .*#ssh_config = \"$CASE_DIR/ssh_config\"#"
    rmqtop status --format json
    expect_code 0
    expect "the host key is told" shows 'source("vip"; "node2").error // "" | test("host key"; "i")'
    expect "the other hosts are seen" shows 'source("vip"; "node1").error == null and ([.nodes[].state] | all(. == "running"))'
    expect "with one address list missing the VIP is not ok" shows 'vip.verdict == "unknown" and holders == ["node1"]'
    expect "what SSH does not carry goes on" shows 'balancer("node2") | .state == "up" and (.servers | length == 3)'
    rmqtop check
    expect_not "check ends with 0" test "$code" = 0
    expect "check names the host" says rabbit-node2
}

case_a_wrong_command_line_is_64() {
    rmqtop statsu
    expect_code 64
    expect "what was meant" says status
    rmqtop check --no-such-option
    expect_code 3
}
