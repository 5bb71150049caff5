# shellcheck shell=bash
# `watch`: what it reports, and how soon after it happened.

TWICE+=(watch_tells_what_begins_and_what_ends)

ONCE+=(a_vip_move_is_told_within_150_ms)

MOVES=20
LIMIT_MS=150
# How much later than the watch both records may be read on a busy machine.
SLACK_MS=20
ALONE+=(a_vip_move_is_told_within_150_ms)

# Each line of `watch` behind the moment at which it could be read here.
watch_stamped() {
    rmqtop_raw watch --format jsonl | while IFS= read -r line; do
        printf '%s %s\n' "$EPOCHREALTIME" "$line"
    done
}

# Whether a line of the watch fulfils a filter, from the Nth line on.
watched() { # filter [from-line]
    tail -n "+${2:-1}" "$CASE_DIR/watch.out" | cut -d ' ' -f 2- | any_line "$1"
}

# The host's own record of its addresses, stamped by our clock as soon as its process gets to read it.
record_addresses() { # node...
    local node
    for node; do
        start "addresses-$node" inside "$(host "$node")" ip -ts -o monitor address dev eth0
    done
    for node; do
        # It listens as soon as an address that comes and goes is in the record.
        eventually 10 "ip monitor listens on $node" mark_recorded "$node"
    done
}

mark_recorded() { # node
    inside "$(host "$1")" ip addr add 192.0.2.1/32 dev eth0 2> /dev/null || true
    inside "$(host "$1")" ip addr del 192.0.2.1/32 dev eth0
    grep -qF 192.0.2.1 "$CASE_DIR/addresses-$1.out"
}

# The floor: the same record, read over a bare ssh of its own and stamped here.
watch_bare() { # node
    as_operator ssh -F "$LAB_STATE/ssh_config" "$(host "$1")" ip -o monitor address dev eth0 < /dev/null |
        while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "$line"; done
}

# When a bare ssh told of the VIP on a host, the Nth time, in microseconds.
bare_told_at() { # node nth
    local line
    line=$(grep -F " $LAB_VIP/" "$CASE_DIR/bare-$1.out" | grep -v Deleted | sed -n "${2}p")
    [[ -n $line ]] || return 1
    line=${line%% *}
    printf '%s' "${line/./}"
}

# When the VIP appeared on a host, the Nth time, in microseconds.
appeared_at() { # node nth
    local line
    line=$(grep -F " $LAB_VIP/" "$CASE_DIR/addresses-$1.out" | grep -v Deleted | sed -n "${2}p")
    [[ $line =~ ^\[([^]]*)\] ]] || return 1
    date -u -d "${BASH_REMATCH[1]}" +%s%6N
}

# When `watch` told that a host holds it now, after line N, in microseconds.
told_at() { # node from-line
    local line
    line=$(tail -n "+$2" "$CASE_DIR/watch.out" | grep -F '"vip_moved"' |
        grep -m 1 "\"to\":\[[^]]*\"$(host "$1")\"") || return 1
    line=${line%% *}
    printf '%s' "${line/./}"
}

move_vip() { # node
    if [[ $1 == node1 ]]; then
        inside rabbit-node1 systemctl start keepalived
    else
        inside rabbit-node1 systemctl stop keepalived
    fi
}

case_a_vip_move_is_told_within_150_ms() {
    local i node from happened seen all=() bare=()
    record_addresses node1 node2
    for node in node1 node2; do start "bare-$node" watch_bare "$node"; done
    start watch watch_stamped
    eventually 15 "watch says that the VIP is ok" watched '.event == "vip" and .to.verdict == "ok"'
    for ((i = 0; i < MOVES; i++)); do
        node=node$((2 - i % 2))
        from=$(($(wc -l < "$CASE_DIR/watch.out") + 1))
        move_vip "$node"
        eventually 15 "watch tells of move $((i + 1)), to $node" told_at "$node" "$from"
        eventually 15 "move $((i + 1)) is over" holder_is "$node"
        eventually 15 "a bare ssh tells of move $((i + 1))" bare_told_at "$node" $((i / 2 + 1))
        happened=$(appeared_at "$node" $((i / 2 + 1)))
        seen=$(bare_told_at "$node" $((i / 2 + 1)))
        bare+=($((seen - happened)))
        # The host's record may be read late too: it happened before the first who saw it.
        ((seen >= happened)) || happened=$seen
        all+=($(($(told_at "$node" "$from") - happened)))
    done
    mapfile -t all < <(printf '%s\n' "${all[@]}" | sort -n)
    mapfile -t bare < <(printf '%s\n' "${bare[@]}" | sort -n)
    figure "VIP move to line of watch, of $MOVES: min $(ms "${all[0]}"), median $(ms "${all[MOVES / 2]}"), max $(ms "${all[-1]}")"
    figure "VIP move to line of a bare ssh: min $(ms "${bare[0]}"), median $(ms "${bare[MOVES / 2]}"), max $(ms "${bare[-1]}")"
    expect "nothing is told before it happened ($SLACK_MS ms are the reader's)" test "${all[0]}" -ge $((-SLACK_MS * 1000))
    expect "the slowest of $MOVES moves is told within $LIMIT_MS ms (it took $(ms "${all[-1]}"))" \
        test "${all[-1]}" -le $((LIMIT_MS * 1000))
}

ms() { # microseconds
    awk -v us="$1" 'BEGIN { printf "%.1f ms", us / 1000 }'
}

case_watch_tells_what_begins_and_what_ends() {
    start watch watch_stamped
    eventually 15 "watch tells the state of node3" watched '.event == "node" and .node == "rabbit@rabbit-node3" and .to == "running"'
    ctl node3 stop_app
    eventually 15 "app_stopped" watched '.event == "node" and .node == "rabbit@rabbit-node3" and .from != null and .to == "app_stopped"'
    eventually 15 "a finding opens" watched '.event == "finding_opened" and .finding.severity == "critical" and (.finding.subject | contains("node3"))'
    eventually 30 "mq-node3 goes DOWN on both" watched '.event == "server" and .server == "mq-node3" and .balancer == "rabbit-node2" and (.to | startswith("DOWN"))'
    ctl node3 start_app
    eventually 30 "running again" watched '.event == "node" and .node == "rabbit@rabbit-node3" and .from != null and .to == "running"'
    eventually 30 "the finding closes" watched '.event == "finding_closed" and (.finding.subject | contains("node3"))'
    expect "every line is JSON with a time" \
        jq -nRe '[inputs | sub("^[0-9.]+ "; "") | fromjson | .at | type == "string"] | all' "$CASE_DIR/watch.out"
    expect "nothing on standard error" test ! -s "$CASE_DIR/watch.err"
}
