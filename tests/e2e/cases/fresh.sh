# shellcheck shell=bash disable=SC2154
# The article from its beginning: three machines on which the packages were just installed, each
# with a cookie, a cluster and users of its own.

# As after `apt install rabbitmq-server`, apart from the configuration. One of the three did not get
# the cookie of the first yet.
install_anew() { # host
    local cookie
    cookie=$(host_root "$1")/var/lib/rabbitmq/.erlang.cookie
    inside "$1" systemctl stop rabbitmq-server
    inside "$1" sh -c 'rm -rf /var/lib/rabbitmq/mnesia/*'
    if [[ $1 == rabbit-node3 ]]; then
        rm -f "$cookie"
        random_word 20 > "$cookie"
        chown --reference="${cookie%/*}" "$cookie"
        chmod 400 "$cookie"
    fi
    inside "$1" systemctl start rabbitmq-server
}

join_as_told() { # node
    rmqtop run join "rabbit@rabbit-$1" --execute --confirm "rabbit@rabbit-$1" --confirm lab
    expect_code 0
}

case_three_fresh_nodes_become_the_articles_cluster() {
    each install_anew -- "${LAB_HOSTS[@]}"
    make_user
    expect_members 'disc node2' node2
    join_as_told node2
    expect_members 'disc node1, disc node2' node1 node2

    rmqtop plan join rabbit@rabbit-node3
    expect_code 2
    expect "the cookie differs, and what aligns it" says cookie-align
    rmqtop run cookie-align --execute
    expect_code 0
    expect_same "the cookie of node3" "$(cookie_of node1)" "$(cookie_of node3)"
    expect_same "owner and mode" 'rabbitmq:rabbitmq 400' \
        "$(inside rabbit-node3 stat -c '%U:%G %a' /var/lib/rabbitmq/.erlang.cookie)"
    expect_same "keys left behind" '' "$(inside rabbit-node3 find /run/rmqtop -name '*.key')"
    expect_not "the cookie in what was printed or kept" \
        grep -rqF "$(cookie_of node1)" "$CASE_DIR/state" "$out" "$err"
    sends_nothing rmqtop run cookie-align --execute
    join_as_told node3
    expect_members "$THREE" node1 node2 node3
    rmqtop run rename-cluster "$LAB_CLUSTER_NAME" --execute
    expect_code 0
    eventually 60 "check ends with 0" check_ends_with 0
}
