# shellcheck shell=bash
# The root file systems of the hosts, one per release, made once by debootstrap
# and kept in a cache outside the checkout. A root's directory is named after
# its recipe, so a changed recipe makes a new root and never changes one that a
# running lab stands on. Also installs what the lab itself needs from apt.

LAB_NEEDS=(debootstrap debian-archive-keyring systemd-container iproute2
    nftables openssh-client socat curl jq)

# Changing this number, or a list below, makes new roots.
ROOT_RECIPE=1
ROOT_PACKAGES=(systemd systemd-sysv dbus rabbitmq-server haproxy keepalived
    openssh-server iproute2 socat tcpdump procps iputils-ping sudo rsyslog curl
    ca-certificates)

# Nothing in a lab needs them, and every one costs time at boot.
ROOT_MASKED=(apt-daily.timer apt-daily-upgrade.timer apt-daily.service
    apt-daily-upgrade.service dpkg-db-backup.timer e2scrub_all.timer
    e2scrub_reap.service fstrim.timer man-db.timer logrotate.timer
    getty.target console-getty.service getty@tty1.service
    systemd-networkd.service systemd-networkd.socket
    systemd-networkd-wait-online.service systemd-timesyncd.service
    systemd-resolved.service systemd-pstore.service
    systemd-hwdb-update.service systemd-update-utmp.service)

root_path() { # codename
    local hash
    hash=$(printf '%s\n' "$ROOT_RECIPE" "${ROOT_PACKAGES[@]}" "${ROOT_MASKED[@]}" | sha256sum)
    printf '%s/%s-%s\n' "$LAB_CACHE" "$1" "${hash:0:10}"
}

install_needs() {
    local missing=() p state
    for p in "${LAB_NEEDS[@]}"; do
        state=$(dpkg-query -W -f '${Status}' "$p" 2> /dev/null) || state=
        [[ $state == *' installed' ]] || missing+=("$p")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 < /dev/null; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt could not install: ${missing[*]}"
    fi
    rm -f "$log"
}

# The mirror this machine's own apt uses for Debian.
find_mirror() {
    local list
    list() {
        # shellcheck disable=SC2016
        apt-get indextargets --format '$(REPO_URI)' \
            'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2> /dev/null |
            grep -E '^(https?|file):' || true
    }
    list=$(list)
    if [[ -z $list ]]; then
        apt-get update -q > /dev/null 2>&1 < /dev/null || true
        list=$(list)
    fi
    [[ -n $list ]] || die "apt's sources name no Debian mirror"
    printf '%s\n' "${list%%$'\n'*}"
}

# The proxy apt uses is the proxy debootstrap must use.
use_apt_proxy() {
    local proxy=
    eval "$(apt-config shell proxy Acquire::http::Proxy 2> /dev/null)"
    [[ -n $proxy && $proxy != DIRECT && -z ${http_proxy:-} ]] && export http_proxy=$proxy
    return 0
}

# prepare_root CODENAME: returns when the cached root is there.
prepare_root() {
    local suite=$1 dest lock
    dest=$(root_path "$suite")
    [[ -d $dest ]] && return 0
    mkdir -p "$LAB_CACHE"
    exec {lock}> "$LAB_CACHE/$suite.lock"
    flock "$lock"
    if [[ ! -d $dest ]]; then
        build_root "$suite" "$dest" {lock}>&-
    fi
    exec {lock}>&-
}

build_root() {
    local suite=$1 dest=$2 t0 tmp mirror script=/usr/share/debootstrap/scripts/$1 packages
    t0=$(now_cs)
    # The lock is ours, so whatever is there was left by a killed build.
    rm -rf --one-file-system "$LAB_CACHE/.building-$suite."*
    tmp=$LAB_CACHE/.building-$suite.$$
    mkdir "$tmp"
    # All unreleased suites are made by one script; older debootstraps do not
    # know the name of the newest.
    [[ -e $script ]] || script=/usr/share/debootstrap/scripts/sid
    mirror=$(find_mirror)
    use_apt_proxy
    packages=$(IFS=,; echo "${ROOT_PACKAGES[*]}")
    say "building the $suite root (about a minute)"
    if ! unshare --mount --propagation private -- debootstrap --variant=minbase --force-check-gpg \
        --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
        --include="$packages" "$suite" "$tmp/root" "$mirror" "$script" \
        > "$LAB_CACHE/$suite.log" 2>&1 < /dev/null; then
        tail -n 20 "$LAB_CACHE/$suite.log" >&2
        rm -rf --one-file-system "$tmp"
        die "debootstrap of $suite failed (log: $LAB_CACHE/$suite.log)"
    fi
    finish_root "$tmp/root"
    mv -T "$tmp/root" "$dest"
    rmdir "$tmp"
    say "built the $suite root in $(elapsed "$t0") s"
    drop_old_roots "$suite" "$dest"
}

# What all hosts share, whatever their role.
finish_root() {
    local root=$1 unit
    for unit in "${ROOT_MASKED[@]}"; do
        ln -sfn /dev/null "$root/etc/systemd/system/$unit"
    done
    rm -f "$root"/etc/ssh/ssh_host_*_key* "$root/etc/resolv.conf"
    rm -f "$root"/var/cache/apt/archives/*.deb
    printf 'UseDNS no\n' > "$root/etc/ssh/sshd_config.d/lab.conf"
    printf 'LANG=C.UTF-8\n' > "$root/etc/default/locale"
    mkdir -p "$root/root/.ssh"
    chmod 700 "$root/root/.ssh"
    # Made anew for every host, and never shared.
    rm -f "$root/var/lib/rabbitmq/.erlang.cookie"
}

# Roots of earlier recipes, unless a lab stands on them.
drop_old_roots() {
    local suite=$1 keep=$2 old
    for old in "$LAB_CACHE/$suite"-*; do
        [[ -d $old && $old != "$keep" ]] || continue
        grep -qF "lowerdir=$old," /proc/mounts || rm -rf --one-file-system "$old"
    done
}

# Builds in a cgroup of their own, so that an interrupted one leaves nothing.
prepare_roots() { # release...
    local cgroup=${LAB_CGROUP%/*}/.prepare.$$ release pids=() pid failed=0
    install_needs
    find "${LAB_CGROUP%/*}" -maxdepth 1 -name '.prepare.*' -exec rmdir {} + 2> /dev/null || true
    mkdir -p "$cgroup"
    trap 'stop_builds "$cgroup" 130' INT
    trap 'stop_builds "$cgroup" 143' TERM
    trap 'stop_builds "$cgroup" 129' HUP
    for release in "$@"; do
        (
            trap - INT TERM HUP
            echo "$BASHPID" > "$cgroup/cgroup.procs"
            prepare_root "$(codename_of "$release")"
        ) < /dev/null &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    trap - INT TERM HUP
    remove_cgroup "$cgroup" || true
    ((failed == 0)) || exit 1
}

# shellcheck disable=SC2329 # run by traps
stop_builds() { # cgroup exit-code
    trap '' INT TERM HUP
    disown -a
    say "stopping the builds"
    kill_cgroup "$1"
    rm -rf --one-file-system "$LAB_CACHE"/.building-*.$$
    exit "$2"
}

prepare() { # release...
    local release
    (($#)) || set -- 3.10 4.0 4.3
    for release in "$@"; do
        codename_of "$release" > /dev/null || usage_error "no such release: '$release' (3.10, 4.0, 4.3)"
    done
    check_machine
    prepare_roots "$@"
}
