# shellcheck shell=bash
# The lab's cluster as the tests see and treat it: its own words about itself
# (never through rmqtop), the faults that are put into it, and making it whole.

LAB_DIR=$(readlink -f -- "$E2E_DIR/../lab")
LAB=$LAB_DIR/lab
for part in common roots network hosts cluster config; do
    # shellcheck source=/dev/null
    . "$LAB_DIR/lib/$part.sh"
done

# rabbit-node1 → node1, as the cases write it.
host() { printf 'rabbit-%s' "$1"; }

ctl() { # node command...
    local node=$1
    shift
    inside "$(host "$node")" rabbitmqctl -q "$@"
}

# The root supervisor of the app (a new process after every start of the app)
# and the runtime's process on the host (the same as long as the runtime lives).
app_identity() { ctl "$1" eval 'whereis(rabbit_sup).'; }
runtime_identity() { ctl "$1" eval 'os:getpid().'; }

holder_is() { # node
    local other
    for other in "${LAB_BALANCERS[@]}"; do
        if [[ $other == "$(host "$1")" ]]; then
            holds_vip "$other" || return 1
        else
            ! holds_vip "$other" || return 1
        fi
    done
}

unit_active() { inside "$1" systemctl --quiet is-active "$2.service"; }

app_runs() { # host
    inside "$1" rabbitmqctl -q eval 'rabbit:is_running().' | grep -qx true
}

# What this node's own API says of every node, without figures that move.
membership() { # node
    api "$(host "$1")" nodes | jq -c '[.[] | {name, type, running}] | sort_by(.name)'
}

declare_queue() { # name type; the name is put into JSON and the address by jq
    local path body
    path=$(jq -rn --arg name "$1" '"queues/%2F/\($name | @uri)"')
    body=$(jq -cn --arg type "$2" '{durable: true, arguments: {"x-queue-type": $type}}')
    api rabbit-node1 "$path" -X PUT --data-binary "$body"
}

queue_on_three_nodes() { # name
    local path
    path=$(jq -rn --arg name "$1" '"queues/%2F/\($name | @uri)"')
    api rabbit-node1 "$path" | jq -e '(.online | length) == 3'
}

delete_queues() {
    local path
    api rabbit-node1 'queues?columns=vhost,name' |
        jq -r '.[] | "queues/\(.vhost | @uri)/\(.name | @uri)"' |
        while read -r path; do api rabbit-node1 "$path" -X DELETE; done
}

delete_policies() {
    local path
    api rabbit-node1 policies |
        jq -r '.[] | "policies/\(.vhost | @uri)/\(.name | @uri)"' |
        while read -r path; do api rabbit-node1 "$path" -X DELETE; done
}

# What a case changes in the unit of the broker stands here.
UNIT_CHANGES=/run/systemd/system/rabbitmq-server.service.d

# Removes what a case put into the host's packet filter.
allow_all() { # host
    nsenter --net="/run/netns/$(host_ns "$1")" nft delete table inet e2e 2> /dev/null || true
}

# systemd refuses the sixth start within ten minutes (the unit of 4.3); what earlier cases
# started must not count for a later one.
allow_starts() { # host
    inside "$1" sh -c "[ ! -d $UNIT_CHANGES ] || { rm -r $UNIT_CHANGES && systemctl daemon-reload; }"
    inside "$1" systemctl reset-failed rabbitmq-server || true
}

mend_host() { # host
    local host=$1 unit
    [[ $(cut_state "$host") == connected ]] || "$LAB" heal "$host"
    host_pid "$host" > /dev/null || "$LAB" boot "$host"
    forget_recorder "$host"
    allow_all "$host"
    allow_starts "$host"
    # Sessions of an operator who was cut off wait for him for hours.
    inside "$host" pkill -f 'root@notty' || true
    for unit in rabbitmq-server $(is_balancer "$host" && echo haproxy keepalived); do
        unit_active "$host" "$unit" || inside "$host" systemctl restart --no-block "$unit"
    done
}

# A stopped app and a drained node refuse the API alike; rabbitmqctl, which takes a
# runtime of its own for each question, tells them apart where that is needed.
mend_app() { # host
    wait_until 90 "rabbitmq-server is active on $1" broker_active "$1" || return 1
    ! closed "$1" || app_runs "$1" || inside "$1" rabbitmqctl -q start_app
    ! closed "$1" || inside "$1" rabbitmq-upgrade -q revive
}

closed() { ! api "$1" whoami > /dev/null 2>&1; }

tell_haproxy() { # host server state
    inside "$1" sh -c "echo 'set server rabbitmq_cluster/$2 state $3' | socat - UNIX-CONNECT:/run/haproxy/admin.sock"
}

# What a case took out stays out until somebody says otherwise.
use_all_servers() { # host
    local node
    for node in node1 node2 node3; do tell_haproxy "$1" "mq-$node" ready || return 1; done
}

mend_vip() {
    local host
    for host in "${LAB_BALANCERS[@]}"; do
        # An address put there by hand is no business of keepalived.
        [[ $host == rabbit-node1 ]] || ! holds_vip "$host" || inside "$host" ip addr del "$LAB_VIP/32" dev eth0
    done
    holds_vip rabbit-node1 || inside rabbit-node1 systemctl restart keepalived
}

# A member that has just come back counts for no quorum until it has caught up.
no_quorum_at_stake() { # host
    api "$1" health/checks/node-is-quorum-critical
}

# Whatever was done to the cluster, three nodes run, both balancers have three
# servers and rabbit-node1 holds the VIP when this returns.
make_whole() {
    local host
    for host in "${LAB_HOSTS[@]}"; do mend_host "$host" || return 1; done
    each mend_app -- "${LAB_HOSTS[@]}" || return 1
    for host in "${LAB_HOSTS[@]}"; do
        wait_until 60 "$host sees three running nodes" all_nodes_run "$host" || return 1
    done
    # A member that was away for longer than the net tick is cut off for good: such
    # a cluster is sooner made anew than mended.
    no_partition || return 1
    delete_policies || return 1
    delete_queues || return 1
    for host in "${LAB_HOSTS[@]}"; do
        wait_until 30 "no quorum depends on $host alone" no_quorum_at_stake "$host" || return 1
    done
    wait_until 15 "only rabbit-node1 holds $LAB_VIP" holder_is node1 || mend_vip
    wait_until 30 "only rabbit-node1 holds $LAB_VIP" holder_is node1 || return 1
    for host in "${LAB_BALANCERS[@]}"; do
        use_all_servers "$host" || return 1
        wait_until 60 "haproxy on $host sees three servers up" servers_up "$host" || return 1
    done
}
