# shellcheck shell=bash
# What the operator gets: an ssh configuration with its key and known hosts, a
# complete rmqtop configuration, a shell command inside the operator's network
# namespace, and the state of the instance in words.

write_operator_files() {
    local host
    for host in "${LAB_HOSTS[@]}"; do
        printf '%s,%s %s\n' "$host" "${LAB_ADDRESS[$host]}" \
            "$(cut -d ' ' -f 1,2 "$(host_root "$host")/etc/ssh/ssh_host_ed25519_key.pub")"
    done > "$LAB_STATE/known_hosts"
    {
        for host in "${LAB_HOSTS[@]}"; do
            printf 'Host %s\n    HostName %s\n\n' "$host" "${LAB_ADDRESS[$host]}"
        done
        cat << END
Host *
    User root
    IdentityFile $LAB_STATE/id
    IdentitiesOnly yes
    UserKnownHostsFile $LAB_STATE/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    ConnectTimeout 5
END
    } > "$LAB_STATE/ssh_config"
    write_names "$LAB_STATE/hosts.txt"
}

lab_config() {
    local host
    need_up
    cat << END
default_cluster = "lab"

[clusters.lab]
vip = "$LAB_VIP"
amqp_port = 5671
ssh_config = "$LAB_STATE/ssh_config"

[clusters.lab.management]
username = "$LAB_USER"
password_file = "$LAB_STATE/password"
port = 15672
END
    for host in "${LAB_HOSTS[@]}"; do
        cat << END

[[clusters.lab.hosts]]
name = "$host"
ssh = "root@${LAB_ADDRESS[$host]}"
address = "${LAB_ADDRESS[$host]}"
node = "rabbit@$host"
END
        is_balancer "$host" || continue
        cat << END
haproxy = { stats = "http://${LAB_ADDRESS[$host]}:8100/stats", socket = "/run/haproxy/admin.sock", backend = "rabbitmq_cluster" }
keepalived = true
END
    done
}

# The operator is this machine in another network, where the hosts have names.
lab_exec() { # command...
    need_up
    (($#)) || usage_error "exec: which command?"
    export RMQTOP_PASSWORD RMQTOP_LAB=$LAB_NAME
    RMQTOP_PASSWORD=$(< "$LAB_STATE/password")
    # shellcheck disable=SC2016
    exec nsenter --net="/run/netns/$(operator_ns)" -- \
        unshare --mount --propagation slave -- \
        bash -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$LAB_STATE/hosts.txt" "$@"
}

lab_ssh() { # host [command...]
    need_up
    need_host "${1:-}"
    exec nsenter --net="/run/netns/$(operator_ns)" -- ssh -F "$LAB_STATE/ssh_config" "$@"
}

package_version() { # package
    dpkg-query --admindir="$(host_root rabbit-node1)/var/lib/dpkg" -W -f '${Version}' "$1"
}

lab_status() {
    local host package unit words
    if [[ ! -s $LAB_STATE/release ]]; then
        printf "instance '%s' is down\n" "$LAB_NAME"
        return 3
    fi
    find_cgroup
    printf "instance '%s' is up: release %s (%s)\n" "$LAB_NAME" \
        "$(< "$LAB_STATE/release")" "$(< "$LAB_STATE/kind")"
    for package in rabbitmq-server haproxy keepalived erlang-base openssh-server systemd; do
        printf '  %-16s %s\n' "$package" "$(package_version "$package")"
    done
    for host in "${LAB_HOSTS[@]}"; do
        if ! host_init "$host" > /dev/null; then
            printf '%s: off\n' "$host"
            continue
        fi
        words="on, $(cut_state "$host")"
        for unit in rabbitmq-server haproxy keepalived; do
            [[ $unit == rabbitmq-server ]] || is_balancer "$host" || continue
            words+=", $unit $(inside "$host" systemctl is-active "$unit" || true)"
        done
        ! holds_vip "$host" || words+=", holds $LAB_VIP"
        printf '%s: %s\n' "$host" "$words"
    done
}
