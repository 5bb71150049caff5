# shellcheck shell=bash
# One host: its disk (an overlay over the release's root), what is written on
# the disk before the first boot, power on, power cut, and running a command
# inside it.

host_root() { printf '%s/hosts/%s/root' "$LAB_STATE" "$1"; }

mount_disk() { # host lower
    local host=$1 lower=$2 disk=$LAB_STATE/disks/$1
    mkdir -p "$disk/upper" "$disk/work" "$(host_root "$host")"
    mount -t overlay "rmqtop-lab-$LAB_NAME-$host" \
        -o "lowerdir=$lower,upperdir=$disk/upper,workdir=$disk/work" "$(host_root "$host")"
}

random_word() { # length
    local word
    word=$(head -c 64 /dev/urandom | base64 -w 0 | tr -d '+/=' | tr '[:lower:]' '[:upper:]')
    printf '%s' "${word:0:$1}"
}

write_names() { # file
    local host
    {
        printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n'
        for host in "${LAB_HOSTS[@]}"; do printf '%s %s\n' "${LAB_ADDRESS[$host]}" "$host"; done
    } > "$1"
}

# What every host has, blank or not.
write_common() { # host
    local host=$1 root
    root=$(host_root "$host")
    printf '%s\n' "$host" > "$root/etc/hostname"
    write_names "$root/etc/hosts"
    # An empty machine-id would make this a "first boot" that enables every unit.
    tr -d '-' < /proc/sys/kernel/random/uuid > "$root/etc/machine-id"
    ssh-keygen -q -t ed25519 -N '' -C "$host" -f "$root/etc/ssh/ssh_host_ed25519_key"
    install -m 600 "$LAB_STATE/id.pub" "$root/root/.ssh/authorized_keys"
    # The article's roles: only the balancers run haproxy and keepalived.
    is_balancer "$host" || disable_unit "$host" haproxy keepalived
}

disable_unit() { # host unit...
    local root unit
    root=$(host_root "$1")
    shift
    for unit in "$@"; do
        rm -f "$root"/etc/systemd/system/*.wants/"$unit.service"
    done
}

# What makes a host a member of the article's cluster-to-be.
write_broker() { # host cookie
    local root
    root=$(host_root "$1")
    printf '%s' "$2" > "$root/var/lib/rabbitmq/.erlang.cookie"
    chown --reference="$root/var/lib/rabbitmq" "$root/var/lib/rabbitmq/.erlang.cookie"
    chmod 400 "$root/var/lib/rabbitmq/.erlang.cookie"
    printf '[rabbitmq_management].\n' > "$root/etc/rabbitmq/enabled_plugins"
    printf 'loopback_users = none\n' > "$root/etc/rabbitmq/rabbitmq.conf"
}

write_balancer() { # host
    local host=$1 root peer state=BACKUP priority=50 id=node2
    root=$(host_root "$host")
    peer=${LAB_ADDRESS[rabbit-node1]}
    if [[ $host == rabbit-node1 ]]; then
        state=MASTER priority=100 id=node1
        peer=${LAB_ADDRESS[rabbit-node2]}
    fi
    install -m 644 "$LAB_DIR/files/haproxy.cfg" "$root/etc/haproxy/haproxy.cfg"
    install -m 755 "$LAB_DIR/files/haproxy_check.sh" "$root/etc/keepalived/haproxy_check.sh"
    sed -e "s/@ID@/$id/; s/@STATE@/$state/; s/@PRIORITY@/$priority/" \
        -e "s/@ADDRESS@/${LAB_ADDRESS[$host]}/; s/@PEER@/$peer/; s/@VIP@/$LAB_VIP/" \
        "$LAB_DIR/files/keepalived.conf" > "$root/etc/keepalived/keepalived.conf"
    printf 'net.ipv4.ip_nonlocal_bind = 1\n' > "$root/etc/sysctl.d/90-lab.conf"
    # The cluster comes first, as in the article: `up` starts haproxy after it.
    disable_unit "$host" haproxy
}

close_fds() {
    local fd
    for fd in "/proc/$BASHPID/fd/"*; do
        fd=${fd##*/}
        ((fd > 2)) && eval "exec $fd>&-"
    done
    return 0
}

host_pid() { recorded_pid "$LAB_STATE/hosts/$1/pid"; }

# The pid, on this machine, of the host's init.
host_init() {
    local pid=
    host_pid "$1" > /dev/null || return 1
    read -r pid 2> /dev/null < "$LAB_CGROUP/$1/payload/init.scope/cgroup.procs" || return 1
    [[ -n $pid ]] && printf '%s\n' "$pid"
}

power_on() { # host
    local host=$1 dir=$LAB_STATE/hosts/$1 cgroup=$LAB_CGROUP/$1
    [[ -e /run/netns/$(host_ns "$host") ]] || make_host_ns "$host"
    # Hosts started in one cgroup would share the cgroups of their units.
    mkdir -p "$cgroup"
    (
        exec < /dev/null >> "$dir/console.log" 2>&1
        close_fds
        echo "$BASHPID" > "$cgroup/cgroup.procs"
        export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
        exec setsid systemd-nspawn --quiet --boot --register=no --keep-unit \
            --directory="$dir/root" --machine="rmqtop-lab-$LAB_NAME-$host" --hostname="$host" \
            --capability=CAP_NET_ADMIN,CAP_NET_RAW --resolv-conf=off --timezone=off \
            --link-journal=no --console=read-only \
            --network-namespace-path="/run/netns/$(host_ns "$host")"
    ) &
    pid_record $! > "$dir/pid" || die "$host did not start (log: $dir/console.log)"
}

# At once and without a word to anybody, like a power cut: first the cable, so
# that no peer hears of the connections which the kernel closes.
power_cut() { # host
    ip -n "$(operator_ns)" link set "$1" down 2> /dev/null || true
    kill_cgroup "$LAB_CGROUP/$1"
    rm -f "$LAB_STATE/hosts/$1/pid"
    forget_machine "$1"
    remove_host_ns "$1"
}

# What a killed nspawn leaves on the machine; which of them depends on its version.
forget_machine() { # host
    local dir
    for dir in /run/systemd/nspawn/{propagate,unix-export}/"rmqtop-lab-$LAB_NAME-$1"; do
        [[ -d $dir ]] || continue
        umount "$dir" 2> /dev/null || true
        rm -rf --one-file-system "$dir"
    done
    dir=$(stat -c 'inode-%d:%i' "$(host_root "$1")" 2> /dev/null) || return 0
    rm -f "/run/systemd/nspawn/locks/$dir"
}

cgroup_empty() { ! grep -qx 'populated 1' "$1/cgroup.events"; }

remove_cgroup() { find "$1" -depth -type d -exec rmdir {} + 2> /dev/null; }

kill_cgroup() { # directory
    local pid
    [[ -d $1 ]] || return 0
    if [[ -e $1/cgroup.kill ]]; then
        echo 1 > "$1/cgroup.kill"
    else
        find "$1" -name cgroup.procs -exec cat {} + | while read -r pid; do
            kill -KILL "$pid" 2> /dev/null
        done
    fi
    wait_until 20 "the processes in $1 are gone" cgroup_empty "$1"
    wait_until 5 "$1 is removed" remove_cgroup "$1"
}

# The machine's init reaps a killed host; it may take its time, or never do it.
wait_gone() { # pid...
    local pid end=$(($(now_cs) + 200))
    for pid; do
        while [[ -e /proc/$pid ]] && (($(now_cs) < end)); do sleep 0.05; done
    done
}

# inside HOST COMMAND...: as root in the host, without its sshd.
inside() {
    local init
    init=$(host_init "$1") || return 1
    shift
    nsenter --target "$init" --mount --uts --ipc --net --pid --cgroup -- \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root LANG=C.UTF-8 "$@" < /dev/null
}

manager_ready() { # host
    local init
    init=$(host_init "$1") && [[ -S /proc/$init/root/run/systemd/private ]]
}

wait_reachable() { # host
    wait_until 60 "$1 starts" manager_ready "$1" &&
        wait_until 20 "$1 has sshd" inside "$1" systemctl --quiet is-active ssh.service
}

# Every job of the boot is done, even if one failed.
wait_booted() { # host
    wait_reachable "$1" || return 1
    inside "$1" timeout 120 systemctl is-system-running --wait > /dev/null 2>&1 || true
}

kill_host() {
    need_up
    need_host "${1:-}"
    take_lock 60
    power_cut "$1"
}

boot_host() {
    need_up
    need_host "${1:-}"
    take_lock 60
    host_pid "$1" > /dev/null && die "$1 already runs"
    power_cut "$1"
    power_on "$1"
    # Not for its broker: that may wait for peers which are down.
    wait_reachable "$1"
}
