# shellcheck shell=bash
# What the hosts themselves record of an operator: every command that sshd was
# asked to run, and every request that reached the management API. Tests of
# "nothing was sent" rest on it, and prove each time that it does record.

# From now on sshd runs every command of the operator's key through a recorder.
record_commands() {
    local host root
    for host in "${LAB_HOSTS[@]}"; do
        root=$(host_root "$host")
        cat > "$root/root/record" << 'RECORD'
#!/bin/sh
printf '%s\n' "$SSH_ORIGINAL_COMMAND" >> /root/recorded
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
RECORD
        chmod 755 "$root/root/record"
        : > "$root/root/recorded"
        printf 'command="/root/record" %s\n' "$(< "$LAB_STATE/id.pub")" > "$root/root/.ssh/authorized_keys"
    done
    for host in "${LAB_HOSTS[@]}"; do
        "$LAB" ssh "$host" "true proof-$host" < /dev/null
        expect "the recorder records on $host" grep -qx "true proof-$host" "$(host_root "$host")/root/recorded"
        : > "$(host_root "$host")/root/recorded"
    done
}

forget_recorder() { # host
    local root
    root=$(host_root "$1")
    [[ -e $root/root/record ]] || return 0
    cp "$LAB_STATE/id.pub" "$root/root/.ssh/authorized_keys"
    rm -f "$root/root/record" "$root/root/recorded"
}

recorded() { # host
    cat "$(host_root "$1")/root/recorded"
}

# Records the start of every request to the management API, on each host.
record_requests() {
    local host
    for host in "${LAB_HOSTS[@]}"; do
        # Packets that carry data only; the first of a request begins with its method.
        start "requests-$host" inside "$host" tcpdump -i eth0 -n -l -A -s 120 \
            'tcp dst port 15672 and tcp[tcpflags] & tcp-push != 0'
    done
    for host in "${LAB_HOSTS[@]}"; do
        eventually 10 "tcpdump listens on $host" grep -q 'listening on' "$CASE_DIR/requests-$host.err"
    done
}

# What changes something is not GET or HEAD.
writes_recorded() {
    grep -ahE '(PUT|POST|DELETE|PATCH) /' "$CASE_DIR"/requests-*.out
}

reads_recorded() { # host
    grep -aE 'GET /api' "$CASE_DIR/requests-$1.out"
}
