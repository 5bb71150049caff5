# shellcheck shell=bash disable=SC2034
# What every part of the lab shares: the three hosts and their addresses, where
# an instance keeps its state, messages, waiting on a condition, the lock, and
# the proof that this machine can run the lab at all (exit 69 if it cannot).

LAB_HOSTS=(rabbit-node1 rabbit-node2 rabbit-node3)
LAB_BALANCERS=(rabbit-node1 rabbit-node2)
declare -A LAB_ADDRESS=(
    [rabbit-node1]=192.168.0.12
    [rabbit-node2]=192.168.0.14
    [rabbit-node3]=192.168.0.15
)
LAB_OPERATOR_ADDRESS=192.168.0.1
LAB_PREFIX=24
LAB_VIP=192.168.0.200
LAB_USER=rmqtop
LAB_CLUSTER_NAME=my_rabbitmq_cluster

LAB_NAME=${RMQTOP_LAB:-main}
LAB_CACHE=${RMQTOP_LAB_CACHE:-${XDG_CACHE_HOME:-/var/cache}/rmqtop-lab}
LAB_STATE_BASE=${RMQTOP_LAB_STATE:-/run/rmqtop-lab}
LAB_STATE=$LAB_STATE_BASE/$LAB_NAME
LAB_LOCK=$LAB_STATE_BASE/$LAB_NAME.lock

say() { printf 'lab: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

usage_error() {
    say "$*"
    exit 64
}

# The one line that says the lab cannot work here.
unavailable() {
    printf 'lab: cannot run here: %s\n' "$*" >&2
    exit 69
}

# Seconds since the machine started, with hundredths, without a process.
now_cs() {
    local up rest
    read -r up rest < /proc/uptime
    printf '%s' "${up/./}"
}

elapsed() { # since(cs)
    local d=$(($(now_cs) - $1))
    printf '%d.%d' $((d / 100)) $((d % 100 / 10))
}

# wait_until SECONDS WHAT COMMAND...: polls until COMMAND succeeds.
wait_until() {
    local limit=$(($(now_cs) + $1 * 100)) what=$2
    shift 2
    until "$@" > /dev/null 2>&1; do
        if (($(now_cs) > limit)); then
            say "gave up waiting until $what"
            return 1
        fi
        # The command which started this body was killed: nobody waits for us.
        [[ -z ${LAB_PARENT:-} || -e /proc/$LAB_PARENT ]] || exit 1
        sleep 0.1
    done
}

is_host() {
    [[ -n ${1:-} && -n ${LAB_ADDRESS[$1]:-} ]]
}

is_balancer() {
    local h
    for h in "${LAB_BALANCERS[@]}"; do [[ $h == "$1" ]] && return 0; done
    return 1
}

need_host() {
    is_host "${1:-}" || usage_error "no such host: '${1:-}' (one of ${LAB_HOSTS[*]})"
}

need_up() {
    [[ -s $LAB_STATE/release ]] || die "instance '$LAB_NAME' is not up (lab up 3.10|4.0|4.3)"
    find_cgroup
}

codename_of() {
    case $1 in
        3.10) echo bookworm ;;
        4.0) echo trixie ;;
        4.3) echo forky ;;
        *) return 1 ;;
    esac
}

check_name() {
    [[ $LAB_NAME =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}$ ]] ||
        usage_error "RMQTOP_LAB='$LAB_NAME': letters, digits, '_', '.', '-' only"
}

# Everything the lab needs from the machine that apt cannot install.
check_machine() {
    ((EUID == 0)) || unavailable "needs root"
    local id=
    [[ -r /etc/os-release ]] && id=$(. /etc/os-release && echo "${ID:-}")
    [[ $id == debian ]] || unavailable "needs Debian (this is '${id:-unknown}')"
    unshare --net true 2> /dev/null || unavailable "network namespaces are refused"
    unshare --mount --propagation private mount -t tmpfs none /mnt 2> /dev/null ||
        unavailable "mounts are refused"
    modprobe -q overlay 2> /dev/null || true
    grep -qw overlay /proc/filesystems || unavailable "no overlayfs in this kernel"
    find_cgroup
    mkdir -p "$LAB_CGROUP" 2> /dev/null || unavailable "the cgroup v2 tree is not writable"
}

# Each host, and `up` itself, runs in a cgroup of the instance: membership is
# the proof that a process is ours, whatever became of its parent.
find_cgroup() {
    local dir type
    while read -r _ dir type _rest; do
        if [[ $type == cgroup2 ]]; then
            LAB_CGROUP=$dir/rmqtop-lab/$LAB_NAME
            return
        fi
    done < /proc/mounts
    unavailable "no cgroup v2 tree is mounted"
}

# take_lock [SECONDS]: the instance is ours until this process ends.
take_lock() {
    mkdir -p "$LAB_STATE_BASE"
    exec 9> "$LAB_LOCK"
    flock -w "${1:-0}" 9 || die "another lab command is working on instance '$LAB_NAME'"
}

# "PID STARTTIME": a recycled pid has another start time.
pid_record() {
    local stat
    stat=$(< "/proc/$1/stat") 2> /dev/null || return 1
    stat=${stat##*) }
    # shellcheck disable=SC2086
    set -- "$1" $stat
    [[ $2 != Z ]] || return 1
    printf '%s %s\n' "$1" "${21}"
}

# The pid recorded in a file, if that very process still runs.
recorded_pid() {
    local pid start now
    [[ -s $1 ]] || return 1
    read -r pid start < "$1"
    now=$(pid_record "$pid" 2> /dev/null) || return 1
    [[ $now == "$pid $start" ]] && printf '%s\n' "$pid"
}
