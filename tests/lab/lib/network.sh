# shellcheck shell=bash
# The network of an instance: one namespace for the operator, holding a bridge,
# and one per host, each joined to the bridge by a veth pair. All of it lives in
# these namespaces; the machine's own gets nothing. Also the ways to cut a host
# off and to put it back.

operator_ns() { printf 'rmqtop-lab.%s.operator' "$LAB_NAME"; }
host_ns() { printf 'rmqtop-lab.%s.%s' "$LAB_NAME" "$1"; }

in_operator() { nsenter --net="/run/netns/$(operator_ns)" -- "$@"; }

make_operator_ns() {
    local ns
    ns=$(operator_ns)
    ip netns add "$ns"
    ip -n "$ns" link set lo up
    ip -n "$ns" link add br0 type bridge
    ip -n "$ns" addr add "$LAB_OPERATOR_ADDRESS/$LAB_PREFIX" dev br0
    ip -n "$ns" link set br0 up
}

# A host's namespace lives as long as its power is on: a VIP or a connection
# which a killed host held must be gone when it starts again.
make_host_ns() { # host
    local ns
    ns=$(host_ns "$1")
    ip netns add "$ns"
    ip -n "$ns" link set lo up
    ip -n "$(operator_ns)" link add name "$1" type veth peer name eth0 netns "$ns"
    ip -n "$(operator_ns)" link set "$1" master br0 up
    ip -n "$ns" addr add "${LAB_ADDRESS[$1]}/$LAB_PREFIX" broadcast + dev eth0
    ip -n "$ns" link set eth0 up
    # The article's sysctl.conf line; a container may not set it itself.
    nsenter --net="/run/netns/$ns" -- \
        sh -c 'echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind'
}

remove_host_ns() { # host
    ip -n "$(operator_ns)" link del "$1" 2> /dev/null || true
    remove_ns "$(host_ns "$1")"
}

remove_ns() {
    [[ -e /run/netns/$1 ]] || return 0
    ip netns del "$1" 2> /dev/null || rm -f "/run/netns/$1"
}

remove_network() {
    local host
    for host in "${LAB_HOSTS[@]}"; do remove_ns "$(host_ns "$host")"; done
    remove_ns "$(operator_ns)"
}

# What `cut` does to the frames of one host, apart from pulling its cable.
drop_frames() { # host hook...
    local host=$1 hook
    shift
    {
        printf 'table bridge cut_%s\n' "${host//-/_}"
        printf 'delete table bridge cut_%s\n' "${host//-/_}"
        printf 'table bridge cut_%s {\n' "${host//-/_}"
        for hook in "$@"; do
            printf 'chain %s { type filter hook %s priority 0; ' "$hook" "$hook"
            [[ $hook == output ]] || printf 'iifname "%s" drop; ' "$host"
            [[ $hook == input ]] || printf 'oifname "%s" drop; ' "$host"
            printf '}\n'
        done
        printf '}\n'
    } | in_operator nft -f -
}

cut_host() { # host [--drop|--peers]
    need_up
    need_host "${1:-}"
    case ${2:-} in
        '') ip -n "$(operator_ns)" link set "$1" down ;;
        --drop) drop_frames "$1" forward input output ;;
        --peers) drop_frames "$1" forward ;;
        *) usage_error "cut: unknown option '$2'" ;;
    esac
}

heal_host() { # host
    need_up
    need_host "${1:-}"
    in_operator nft delete table bridge "cut_${1//-/_}" 2> /dev/null || true
    ip -n "$(operator_ns)" link set "$1" up
}

# How a host is cut off at this moment, in one word.
cut_state() { # host
    local ns rules
    ns=$(operator_ns)
    rules=$(in_operator nft list table bridge "cut_${1//-/_}" 2> /dev/null) || rules=
    if [[ -z $(ip -n "$ns" link show dev "$1" up 2> /dev/null) ]]; then
        echo unplugged
    elif [[ $rules == *"hook input"* ]]; then
        echo dropped
    elif [[ -n $rules ]]; then
        echo cut-from-peers
    else
        echo connected
    fi
}
