# shellcheck shell=bash
# The VIP: every verdict, put about by the fault that really leads to it.

TWICE+=(without_keepalived_the_vip_moves_and_has_no_standby no_keepalived_no_holder
    lost_advertisements_split_the_vip a_dead_haproxy_under_the_vip_is_the_wrong_holder
    a_holder_that_is_cut_off_is_unknown_and_never_absent)

verdict_is() { # verdict node...
    local verdict=$1 holders
    shift
    holders=$(jq -cn '$ARGS.positional' --args "$@")
    status_shows "vip.verdict == \"$verdict\" and holders == $holders"
}

# What a packet filter on the host does with its VRRP advertisements: loses them.
deafen() { # node
    nsenter --net="/run/netns/$(host_ns "$(host "$1")")" nft -f - << 'NFT'
table inet e2e {
    chain input { type filter hook input priority 0; ip protocol vrrp drop; }
}
NFT
}

case_without_keepalived_the_vip_moves_and_has_no_standby() {
    inside rabbit-node1 systemctl stop keepalived
    eventually 10 "the host itself says that node2 holds the VIP" holder_is node2
    eventually 10 "no_standby on node2" verdict_is no_standby node2
    check_ends_with 1 || fail "check ends with 1"
    inside rabbit-node1 systemctl start keepalived
    eventually 15 "ok on node1" verdict_is ok node1
    eventually 10 "check ends with 0" check_ends_with 0
}

case_no_keepalived_no_holder() {
    inside rabbit-node2 systemctl stop keepalived
    eventually 10 "no_standby on node1" verdict_is no_standby node1
    inside rabbit-node1 systemctl stop keepalived
    eventually 10 "none" verdict_is none
    check_ends_with 2 || fail "check ends with 2"
    inside rabbit-node1 systemctl start keepalived
    inside rabbit-node2 systemctl start keepalived
    eventually 20 "ok on node1" verdict_is ok node1
}

case_lost_advertisements_split_the_vip() {
    deafen node2
    eventually 15 "node2 takes the VIP too" holds_vip rabbit-node2
    eventually 10 "split" verdict_is split node1 node2
    check_ends_with 2 || fail "check ends with 2"
    allow_all rabbit-node2
    eventually 20 "ok on node1" verdict_is ok node1
    eventually 10 "check ends with 0" check_ends_with 0
}

case_a_dead_haproxy_under_the_vip_is_the_wrong_holder() {
    inside rabbit-node1 systemctl stop haproxy
    # The weight of the article's check script cannot move the VIP.
    eventually 15 "wrong_holder, the balancer is down" status_shows \
        'vip.verdict == "wrong_holder" and holders == ["node1"] and balancer("node1").state == "down"'
    expect "the other balancer still has three servers" shows 'balancer("node2").servers | length == 3 and all(.status == "UP")'
    check_ends_with 2 || fail "check ends with 2"
    inside rabbit-node1 systemctl start haproxy
    eventually 30 "check ends with 0" check_ends_with 0
}

case_a_holder_that_is_cut_off_is_unknown_and_never_absent() {
    local from
    start watch watch_stamped
    eventually 15 "watch says that node1 holds the VIP" \
        watched '.event == "vip" and .to.verdict == "ok" and .to.holders == ["rabbit-node1"]'
    from=$(($(wc -l < "$CASE_DIR/watch.out") + 1))
    "$LAB" cut rabbit-node1
    eventually 15 "node2 takes the VIP" holds_vip rabbit-node2
    eventually 15 "no_standby on node2, node1 unreachable" status_shows \
        'vip.verdict == "no_standby" and holders == ["node2"] and node("node1").state == "unreachable"'
    check_ends_with 2 || fail "check ends with 2"
    eventually 15 "watch says so too" \
        watched '.event == "vip" and .to.verdict == "no_standby" and .to.holders == ["rabbit-node2"]'
    expect_not "a verdict of none or ok while the holder was cut off" \
        watched '.event == "vip" and (.to.verdict == "none" or .to.verdict == "ok")' "$from"
    "$LAB" heal rabbit-node1
    eventually 90 "check ends with 0" check_ends_with 0
}
