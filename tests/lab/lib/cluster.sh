# shellcheck shell=bash
# Bringing an instance up and taking it down: prepares the disks, starts the
# hosts, forms the cluster from the command line as the article does, starts the
# balancers, and proves that all of it is ready before it returns.

api() { # host path [curl option...]
    local host=$1 path=$2
    shift 2
    in_operator curl -sS -f -m 10 --config "$LAB_STATE/guest.curl" "$@" \
        "http://${LAB_ADDRESS[$host]}:15672/api/$path"
}

broker_active() { inside "$1" systemctl --quiet is-active rabbitmq-server.service; }

# The article's user guest stays; `rmqtop` is the operator's own.
make_user() {
    printf '{"password":"%s","tags":"administrator"}' "$(< "$LAB_STATE/password")" |
        api rabbit-node1 "users/$LAB_USER" -X PUT --data-binary @- &&
        api rabbit-node1 "permissions/%2F/$LAB_USER" -X PUT \
        --data-binary '{"configure":".*","write":".*","read":".*"}'
}

leave_alone() { # host: stopped and reset, ready to join
    inside "$1" rabbitmqctl -q stop_app && inside "$1" rabbitmqctl -q reset
}

join() { # host
    inside "$1" rabbitmqctl -q join_cluster rabbit@rabbit-node1 &&
        inside "$1" rabbitmqctl -q start_app
}

start_balancer() { # host
    inside "$1" systemctl --quiet enable --now haproxy.service
}

all_nodes_run() { # host: that host's own view
    [[ $(api "$1" nodes | jq '[.[] | select(.running)] | length') == "${#LAB_HOSTS[@]}" ]]
}

# "HOST: what it says" for each host that knows of a partition or cannot be asked.
partitions() {
    local host said
    for host in "${LAB_HOSTS[@]}"; do
        said=$(api "$host" 'nodes?columns=name,partitions' |
            jq -ce '[.[] | select((.partitions // []) != []) | {name, partitions}]') || said='no answer'
        [[ $said == '[]' ]] || printf '%s: %s\n' "$host" "$said"
    done
}

# Says which partition there is, if there is one.
no_partition() {
    local seen
    seen=$(partitions)
    [[ -n $seen ]] || return 0
    printf 'a partition, or no answer: %s\n' "$seen"
    return 1
}

# Mnesia may take two members that formed a cluster a moment ago for cut off from
# one another. It is told, and mended as the manual says: all others are stopped, then started.
mend_partition() {
    local host
    ! no_partition >&2 || return 0
    say "the cluster was formed with a partition; the app of two members is restarted"
    for host in rabbit-node2 rabbit-node3; do inside "$host" rabbitmqctl -q stop_app || return 1; done
    for host in rabbit-node2 rabbit-node3; do inside "$host" rabbitmqctl -q start_app || return 1; done
    no_partition >&2
}

servers_up() { # host
    local csv
    csv=$(in_operator curl -sS -f -m 5 "http://${LAB_ADDRESS[$1]}:8100/stats;csv")
    [[ $(grep -cE '^rabbitmq_cluster,mq-node[123],.*,UP,' <<< "$csv") == "${#LAB_HOSTS[@]}" ]]
}

holds_vip() { [[ $(ip -n "$(host_ns "$1")" -o addr show dev eth0) == *" $LAB_VIP/"* ]]; }

# each COMMAND [ARGUMENT...] -- HOST...: runs COMMAND ARGUMENT... HOST for all
# hosts at once; fails if one of them failed.
each() {
    local command=() pids=() pid host failed=0
    while [[ $1 != -- ]]; do
        command+=("$1")
        shift
    done
    shift
    for host in "$@"; do
        "${command[@]}" "$host" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    return "$failed"
}

# One join at a time: it changes the membership which every other join reads.
join_all() {
    make_user &&
        each leave_alone -- rabbit-node2 rabbit-node3 &&
        join rabbit-node2 &&
        join rabbit-node3 &&
        inside rabbit-node1 rabbitmqctl -q set_cluster_name "$LAB_CLUSTER_NAME" &&
        each start_balancer -- "${LAB_BALANCERS[@]}"
}

form_cluster() {
    local host log=$LAB_STATE/form.log
    for host in "${LAB_HOSTS[@]}"; do
        wait_until 120 "rabbitmq-server is active on $host" broker_active "$host" || return 1
    done
    if ! join_all > "$log" 2>&1; then
        say "the cluster could not be formed:"
        tail -n 20 "$log" >&2
        return 1
    fi
    for host in "${LAB_HOSTS[@]}"; do
        wait_until 60 "$host sees three running nodes" all_nodes_run "$host" || return 1
    done
    mend_partition || return 1
    for host in "${LAB_BALANCERS[@]}"; do
        wait_until 60 "haproxy on $host sees three servers up" servers_up "$host" || return 1
    done
    wait_until 30 "rabbit-node1 holds $LAB_VIP" holds_vip rabbit-node1
}

write_disks() { # lower blank?
    local host cookie
    cookie=$(random_word 20)
    ssh-keygen -q -t ed25519 -N '' -C operator -f "$LAB_STATE/id"
    for host in "${LAB_HOSTS[@]}"; do
        mount_disk "$host" "$1"
        write_common "$host"
        [[ $2 == blank ]] && continue
        write_broker "$host" "$cookie"
        is_balancer "$host" && write_balancer "$host"
    done
    return 0
}

# The body of `up`; runs in the instance's cgroup, without the lock.
bring_up() { # release blank?
    local release=$1 blank=$2 root host t0
    set -e
    t0=$(now_cs)
    root=$(root_path "$(codename_of "$release")")
    mkdir -p "$LAB_STATE/disks"
    # In memory: no slower anywhere, and an overlay may stand on any machine's
    # tmpfs, but not on every machine's disk. A host writes about 25 MB.
    mount -t tmpfs -o size=75%,mode=755 rmqtop-lab "$LAB_STATE/disks"
    umask 077
    printf '%s' "$(random_word 24)" > "$LAB_STATE/password"
    printf 'user = "guest:guest"\n' > "$LAB_STATE/guest.curl"
    umask 022
    make_operator_ns
    write_disks "$root" "$blank"
    write_operator_files
    for host in "${LAB_HOSTS[@]}"; do power_on "$host"; done
    each wait_booted -- "${LAB_HOSTS[@]}"
    say "hosts booted after $(elapsed "$t0") s"
    [[ $blank == blank ]] || form_cluster
    printf '%s\n' "$blank" > "$LAB_STATE/kind"
    printf '%s\n' "$release" > "$LAB_STATE/release"
    say "instance '$LAB_NAME' is up with $release after $(elapsed "$t0") s"
}

# shellcheck disable=SC2329 # run by traps
give_up() { # exit-code pid-of-body
    trap '' INT TERM HUP
    [[ -z $2 ]] || disown "$2"
    say "taking down what was begun"
    tear_down
    exit "$1"
}

lab_up() { # release [--blank]
    local release=${1:-} blank=cluster body=
    codename_of "$release" > /dev/null || usage_error "up: which release? (3.10, 4.0, 4.3)"
    case ${2:-} in
        '') ;;
        --blank) blank=blank ;;
        *) usage_error "up: unknown option '$2'" ;;
    esac
    check_machine
    take_lock
    prepare_roots "$release" 9>&-
    tear_down
    mkdir -p "$LAB_STATE" "$LAB_CGROUP/up"
    trap 'give_up 130 "$body"' INT
    trap 'give_up 143 "$body"' TERM
    trap 'give_up 129 "$body"' HUP
    # shellcheck disable=SC2034 # wait_until reads it
    LAB_PARENT=$$
    # If this process is killed the lock is free at once, and the next `up`
    # finds the body by its cgroup.
    (
        trap - INT TERM HUP
        echo "$BASHPID" > "$LAB_CGROUP/up/cgroup.procs"
        bring_up "$release" "$blank"
    ) 9>&- < /dev/null &
    body=$!
    wait "$body" || give_up 1 ""
    trap - INT TERM HUP
    remove_cgroup "$LAB_CGROUP/up" || true
}

unmount_all() {
    local dir mounts=() i
    while read -r _ dir _; do
        [[ $dir == "$LAB_STATE"/* ]] && mounts+=("$dir")
    done < /proc/mounts
    for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do
        umount "${mounts[i]}" 2> /dev/null || umount --lazy "${mounts[i]}"
    done
}

# Everything an instance has or an earlier, killed run of it left.
tear_down() {
    local host pid pids=()
    for host in "${LAB_HOSTS[@]}"; do
        pid=$(host_pid "$host") && pids+=("$pid")
    done
    kill_cgroup "$LAB_CGROUP"
    wait_gone "${pids[@]}"
    for host in "${LAB_HOSTS[@]}"; do forget_machine "$host"; done
    unmount_all
    remove_network
    rm -rf --one-file-system "$LAB_STATE"
    rmdir "${LAB_CGROUP%/*}" 2> /dev/null || true
}

lab_down() {
    check_machine
    take_lock 120
    tear_down
}
