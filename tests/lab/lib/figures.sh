# shellcheck shell=bash disable=SC2154
# How each figure of `measure` is taken. It is written with the words of the
# end-to-end tests, and every pair of figures is taken in turns: what the machine
# does beside it falls on both.

IDLE_SECONDS=${IDLE_SECONDS:-60}
STEP_RUNS=${STEP_RUNS:-15}
WAITS=${WAITS:-20}
ROLLS=${ROLLS:-2}
PLANS=${PLANS:-5}
QUEUES=${QUEUES:-20000}
LOAD_SECONDS=${LOAD_SECONDS:-60}
SNAPSHOTS=10
MEASURED=rabbit@rabbit-node3

# Microseconds of the wall clock.
now_us() { printf '%s' "${EPOCHREALTIME/./}"; }

# spread WORDS FILE: median and maximum of a file of microseconds.
spread() {
    sort -n "$2" | awk -v words="$1" '{ all[NR] = $1 / 1000 } END {
        printf "  %-46s median %7.1f ms   max of %d %7.1f ms\n", words, all[int((NR + 1) / 2)], NR, all[NR]
    }'
}

# timed FILE COMMAND...: adds how long it took to a file.
timed() {
    local file=$1 start
    shift
    start=$(now_us)
    "$@" > /dev/null 2>&1 < /dev/null
    printf '%s\n' $(($(now_us) - start)) >> "$file"
}

# ---- a snapshot of three hosts ----------------------------------------------

# The slowest single answers `status` must wait for, of three hosts at once.
bare_requests() {
    each bare_request -- "${LAB_HOSTS[@]}"
}

bare_request() { # host
    in_operator curl -s -f -o /dev/null -o /dev/null --config "$LAB_STATE/guest.curl" \
        "http://${LAB_ADDRESS[$1]}:15672/api/"{overview,nodes}
}

bare_logins() { each bare_login -- "${LAB_HOSTS[@]}"; }
bare_login() { in_operator ssh -F "$LAB_STATE/ssh_config" "$1" ip -o addr show; }

figures_of_snapshot() {
    local i
    for ((i = 0; i < SNAPSHOTS; i++)); do
        timed "$CASE_DIR/requests" bare_requests
        timed "$CASE_DIR/logins" bare_logins
        timed "$CASE_DIR/status" rmqtop status --format json
    done
    echo "one snapshot of three hosts:"
    spread "curl overview and nodes, three at once" "$CASE_DIR/requests"
    spread "ssh ip addr, three at once" "$CASE_DIR/logins"
    spread "rmqtop status --format json" "$CASE_DIR/status"
}

# ---- steps beside their bare commands ---------------------------------------

over_one_connection() { # command...
    in_operator ssh -F "$LAB_STATE/ssh_config" -S "$CASE_DIR/ctl" rabbit-node3 "$@"
}

all_well() {
    all_nodes_run rabbit-node1 && servers_up rabbit-node1 && servers_up rabbit-node2 &&
        no_quorum_at_stake rabbit-node2
}

# Of each step with a command, in microseconds: from its start to the command, from the command to
# its end, and from there to the step's end.
parts_of_steps() { # events
    jq -r -s 'map(.what + {at: (.elapsed.secs * 1000000 + .elapsed.nanos / 1000 | floor)}) | group_by(.step)[] | select(.[0].step != null)
        | (map({key: .event, value: .at}) | from_entries) as $at | select($at.sending)
        | [.[0].step, $at.sending - $at.step_started, $at.command_ended - $at.sending, $at.step_ended - $at.command_ended]
        | map(tostring) | join(" ")' "$1"
}

figures_of_steps() {
    local i verb step before command after
    in_operator ssh -F "$LAB_STATE/ssh_config" -M -S "$CASE_DIR/ctl" -f -N rabbit-node3
    for ((i = 0; i < STEP_RUNS; i++)); do
        eventually 60 "the cluster is well" all_well
        rmqtop run restart-app "$MEASURED" --execute --confirm "$MEASURED" --format jsonl
        expect_code 0
        cp "$out" "$CASE_DIR/events-$i"
        eventually 60 "the cluster is well" all_well
        for verb in stop_app start_app; do
            timed "$CASE_DIR/bare-$verb" over_one_connection rabbitmqctl -n "$MEASURED" -t 110 --silent "$verb"
        done
        while read -r step before command after; do
            verb=stop_app
            ((step == 0)) || verb=start_app
            printf '%s\n' "$before" >> "$CASE_DIR/before-$verb"
            printf '%s\n' "$command" >> "$CASE_DIR/command-$verb"
            printf '%s\n' "$after" >> "$CASE_DIR/after-$verb"
            printf '%s\n' $((before + command + after)) >> "$CASE_DIR/step-$verb"
        done < <(parts_of_steps "$CASE_DIR/events-$i")
    done
    in_operator ssh -F "$LAB_STATE/ssh_config" -S "$CASE_DIR/ctl" -O exit rabbit-node3 2> /dev/null
    for verb in stop_app start_app; do
        echo "the step $verb:"
        spread "the bare command over an open connection" "$CASE_DIR/bare-$verb"
        spread "the step, whole" "$CASE_DIR/step-$verb"
        spread "  of it: looking before it is sent" "$CASE_DIR/before-$verb"
        spread "  of it: the command" "$CASE_DIR/command-$verb"
        spread "  of it: until the cluster proves it" "$CASE_DIR/after-$verb"
    done
}

# ---- a rolling restart beside its bare commands -----------------------------

on_host() { # host command...
    local host=$1
    shift
    in_operator ssh -F "$LAB_STATE/ssh_config" -S "$CASE_DIR/ctl-$host" "$host" "$@"
}

# Also those of which a check failed, too few to make them DOWN: HAProxy sends them clients.
servers_take_clients() { # host
    local csv
    csv=$(in_operator curl -sS -f -m 5 "http://${LAB_ADDRESS[$1]}:8100/stats;csv")
    [[ $(grep -cE '^rabbitmq_cluster,mq-node[123],.*,UP( [0-9]+/[0-9]+)?,' <<< "$csv") == "${#LAB_HOSTS[@]}" ]]
}

# Who knows the procedure by heart, and loses no time: the same commands and the same waits.
bare_rolling_restart() {
    local node host balancer state
    for node in node2 node3 node1; do
        host=$(host "$node")
        for state in drain ready; do
            for balancer in "${LAB_BALANCERS[@]}"; do
                on_host "$balancer" "echo 'set server rabbitmq_cluster/mq-$node state $state' | socat - UNIX-CONNECT:/run/haproxy/admin.sock"
            done
            if [[ $state == drain ]]; then
                until no_quorum_at_stake "$host"; do sleep 0.1; done
                on_host "$host" rabbitmq-upgrade drain
                on_host "$host" systemctl stop rabbitmq-server
                on_host "$host" systemctl start rabbitmq-server
                until all_nodes_run "$host" && no_quorum_at_stake "$host"; do sleep 0.1; done
            else
                for balancer in "${LAB_BALANCERS[@]}"; do
                    until servers_take_clients "$balancer"; do sleep 0.1; done
                done
            fi
        done
    done
    on_host rabbit-node2 rabbitmq-queues rebalance all
}

figures_of_rolling() {
    local i host queue
    for host in "${LAB_HOSTS[@]}"; do
        in_operator ssh -F "$LAB_STATE/ssh_config" -M -S "$CASE_DIR/ctl-$host" -f -N "$host"
    done
    for queue in orders invoices; do declare_queue "$queue" quorum; done
    for ((i = 0; i < ROLLS; i++)); do
        each allow_starts -- "${LAB_HOSTS[@]}"
        eventually 60 "the cluster is well" all_well
        timed "$CASE_DIR/rolled-bare" bare_rolling_restart
        eventually 60 "the cluster is well" all_well
        timed "$CASE_DIR/rolled" rmqtop run rolling-restart --execute --confirm lab
        expect_code 0
    done
    for host in "${LAB_HOSTS[@]}"; do
        in_operator ssh -F "$LAB_STATE/ssh_config" -S "$CASE_DIR/ctl-$host" -O exit "$host" 2> /dev/null
    done
    for queue in orders invoices; do api rabbit-node1 "queues/%2F/$queue" -X DELETE; done
    echo "a rolling restart of three members:"
    spread "its bare commands and waits" "$CASE_DIR/rolled-bare"
    spread "rmqtop run rolling-restart" "$CASE_DIR/rolled"
}

# ---- how soon a wait ends ---------------------------------------------------

# A packet filter makes the API of node3 refuse, as that of a stopped app does; its end is the moment
# for which the step waits that starts the app.
refuse_api() {
    nsenter --net="/run/netns/$(host_ns rabbit-node3)" nft -f - << 'NFT'
table inet e2e {
    chain input { type filter hook input priority 0; tcp dport 15672 reject with tcp reset; }
}
NFT
}

# Its command has ended, and the step looks for its effect.
waits_for_api() {
    cut -d ' ' -f 2- "$CASE_DIR/waiting.out" | jq -se 'map(.what.event) | (index("command_ended") // 1e9) < (rindex("waiting") // -1)'
}

# When the end of the first step could be read, by the wall clock in microseconds; the next
# waits for the load balancers.
ended_at() {
    awk '/"step_ended"/ { print $1; exit }' "$CASE_DIR/waiting.out"
}

stamped() {
    rmqtop_raw "$@" | while IFS= read -r line; do printf '%s %s\n' "${EPOCHREALTIME/./}" "$line"; done
}

one_request() {
    in_operator curl -s -f -o /dev/null --config "$LAB_STATE/guest.curl" "http://${LAB_ADDRESS[rabbit-node3]}:15672/api/whoami"
}

figures_of_waits() {
    local i opened
    config_file > /dev/null
    for ((i = 0; i < WAITS; i++)); do
        eventually 60 "the cluster is well" all_well
        ctl node3 stop_app
        refuse_api
        eventually 15 "node3 is app_stopped" status_shows 'node("node3").state == "app_stopped"'
        start waiting stamped run start-app "$MEASURED" --execute --confirm "$MEASURED" --format jsonl
        eventually 60 "the step waits for the API" waits_for_api
        # Not in step with its looks.
        sleep "0.$((RANDOM % 90 + 10))"
        opened=$(now_us)
        allow_all rabbit-node3
        eventually 30 "the run is over" gone "${background[-1]}"
        printf '%s\n' $(($(ended_at) - opened)) >> "$CASE_DIR/waits"
        timed "$CASE_DIR/request" one_request
    done
    echo "a wait step, from the moment that its condition holds to the step's end:"
    spread "curl whoami, which proves it" "$CASE_DIR/request"
    spread "rmqtop" "$CASE_DIR/waits"
}

# ---- the console and the VIP ------------------------------------------------

figures_of_terminal() {
    prepare_bench
    as_operator "$BENCH" "$RMQTOP" "$(config_file)" "$IDLE_SECONDS"
}

figures_of_moves() {
    echo "a VIP move, from the host's own record to the line that tells it:"
    "$E2E_DIR/run" a_vip_move_is_told_within_150_ms | sed -n 's/^ *VIP move/  VIP move/p'
}

# ---- a plan among 20,000 queues -----------------------------------------------

# Queues of one virtual host, a third of them by each host; one of 67 is a quorum queue.
many_queues() { # host number of numbers
    jq -n -c --argjson at "$2" --argjson of "$3" --arg user "$LAB_USER" '
        {vhosts: [{name: "many"}],
         permissions: [{user: $user, vhost: "many", configure: ".*", write: ".*", read: ".*"}],
         queues: [range($of) | select(. % 3 == $at) |
            {name: "orders.\(.)", vhost: "many", durable: true, auto_delete: false,
             arguments: {"x-queue-type": (if (. / 3 | floor) % 67 == 0 then "quorum" else "classic" end)}}]}' |
        in_operator curl -s -f -m 600 --config "$LAB_STATE/guest.curl" -o /dev/null \
            -H "content-type: application/json" --data-binary @- \
            "http://${LAB_ADDRESS[$1]}:15672/api/definitions"
}

declare_many() {
    local host at=0
    for host in "${LAB_HOSTS[@]}"; do
        many_queues "$host" "$at" "$QUEUES" || { echo "  the queues could not be declared" && return 1; }
        at=$((at + 1))
    done
}

remove_many() {
    in_operator curl -s -f -m 600 --config "$LAB_STATE/guest.curl" -X DELETE \
        "http://${LAB_ADDRESS[rabbit-node1]}:15672/api/vhosts/many"
}

figures_of_plan20k() {
    local plan=(plan restart-app "$MEASURED") i
    for ((i = 0; i < PLANS; i++)); do timed "$CASE_DIR/few" rmqtop "${plan[@]}"; done
    declare_many
    for ((i = 0; i < PLANS; i++)); do
        timed "$CASE_DIR/many" rmqtop "${plan[@]}"
        ((code == 0)) || { cat "$out" && echo "  the plan was refused" && return 1; }
    done
    for ((i = 0; i < PLANS; i++)); do timed "$CASE_DIR/status" rmqtop status --format json; done
    echo "restart-app, planned beside few queues and beside $QUEUES:"
    spread "few" "$CASE_DIR/few"
    spread "$QUEUES" "$CASE_DIR/many"
    spread "rmqtop status --format json, $QUEUES" "$CASE_DIR/status"
    remove_many
}

# ---- what a run costs the brokers while it waits, among 20,000 queues ----------------

# Processor time of a member since it started, in milliseconds.
broker_ms() { # host
    # shellcheck disable=SC2016 # the host resolves it
    inside "$1" bash -c 'read -r -a f < "/proc/$(pgrep -o beam.smp)/stat" && echo $(((f[13] + f[14]) * 1000 / $(getconf CLK_TCK)))'
}

# load WORDS SECONDS: the share of a core that the two other members take meanwhile.
load() {
    local words=$1 seconds=$2 host begun now line=
    local -A before
    for host in rabbit-node1 rabbit-node2; do before[$host]=$(broker_ms "$host"); done
    begun=$(now_us)
    sleep "$seconds"
    for host in rabbit-node1 rabbit-node2; do
        now=$(broker_ms "$host")
        line+=$(awk -v ms=$((now - before[$host])) -v us=$(($(now_us) - begun)) -v host="$host" \
            'BEGIN { printf "  %s %5.1f %%", host, ms * 100000 / us }')
    done
    printf '  %-46s%s\n' "$words" "$line"
}

# A start that is held up for a minute, and a wait for replicas that cannot come.
figures_of_wait20k() {
    local unit=/run/systemd/system/rabbitmq-server.service.d
    declare_many
    rmqtop run stop-node "$MEASURED" --execute --confirm "$MEASURED"
    ((code == 0)) || { cat "$out" "$err" && return 1; }
    # What the declaring and the stop began goes on for a net tick; the floor is taken after that.
    sleep 70
    echo "processor time of the members that run, in shares of a core, beside $QUEUES queues:"
    load "nobody asks" "$LOAD_SECONDS"
    start monitor as_operator script -qec "$RMQTOP --config $(config_file) monitor" /dev/null
    sleep 15
    load "rmqtop monitor" "$LOAD_SECONDS"
    stop_background
    inside rabbit-node3 sh -c "mkdir -p $unit && printf '[Service]\nExecStartPre=/bin/sleep %s\n' $((LOAD_SECONDS + 25)) > $unit/late.conf && systemctl daemon-reload"
    start waits as_operator "$RMQTOP" --config "$(config_file)" run start-node "$MEASURED" --execute
    sleep 10
    load "a run waits for a start" "$LOAD_SECONDS"
    wait "${background[0]}" || true
    tail -n 2 "$CASE_DIR/waits.out" | sed 's/^/    /'
    stop_background
    inside rabbit-node3 sh -c "rm -f $unit/late.conf && systemctl daemon-reload"
    remove_many
}
