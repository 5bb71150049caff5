//! Owns the one look into what a node left on its host's disc. The script is a constant; the
//! names of the node and of its service are handed to it as arguments. It reads and changes nothing.

/// Prints `key=value` lines. Exits with 77 (`EX_NOPERM`) where it may not look, for a directory
/// that cannot be read must never pass for one that is not there.
///
/// Paths are Debian's and Red Hat's, unless `rabbitmq-env.conf` names others (configuration guide,
/// "Environment Variables"). The log is read from the latest start on; that it waits for tables is
/// worth a word only after a first wait was in vain, for every start says so once.
pub(super) const LOOK: &str = r#"LC_ALL=C
export LC_ALL
if [ "$(id -u)" != 0 ]; then
    echo "only root may look into the data directory" >&2
    exit 77
fi
set_to() {
    systemctl show "$2" --property=Environment | tr ' ' '\n' | tr -d '"' |
        sed -n "s/^\(Environment=\)\{0,1\}RABBITMQ_$1=//p" | tail -n 1 | grep . && return
    sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}\(RABBITMQ_\)\{0,1\}$1=//p" \
        /etc/default/rabbitmq-server /etc/rabbitmq/rabbitmq-env.conf 2>/dev/null | tail -n 1 | tr -d "\"'"
}
systemctl show "$2" --property=ActiveState --property=InactiveEnterTimestampMonotonic
read -r uptime rest < /proc/uptime && echo "uptime=$uptime"
for place in /usr/lib/rabbitmq/lib/rabbitmq_server-*; do
    if [ -d "$place" ]; then echo "release=${place##*/rabbitmq_server-}"; fi
done
base=$(set_to MNESIA_BASE)
data=$(set_to MNESIA_DIR)
data=${data:-${base:-/var/lib/rabbitmq/mnesia}/$1}
if [ -d "$data" ]; then echo "data=$data"; fi
for name in nodes_running_at_shutdown cluster_nodes.config; do
    if [ -f "$data/$name" ]; then
        echo "$name=$(head -c 65536 "$data/$name" | tr '\n' ' ')"
    fi
done
if [ -f "$data/schema.DAT" ]; then echo mnesia=yes; fi
if [ -f "$data/force_load" ]; then echo force_load=yes; fi
if grep -qw khepri_db "$data-feature_flags" 2>/dev/null; then echo khepri=yes; fi
logs=$(set_to LOG_BASE)
log=${logs:-/var/log/rabbitmq}/$1.log
if [ -f "$log" ]; then
    tail -c 262144 "$log" | awk '
        / Starting RabbitMQ [0-9]/ { n = 0; late = 0 }
        /Error while waiting for/ { late = 1 }
        / retries left/ && !late { next }
        /Error while waiting for|retries left|BOOT FAILED|waiting for .*leader|timeout_waiting_for|inconsistent_cluster|Error during startup|incompatible_feature_flags|cannot_connect|failed_to_cluster/ {
            sub(/^[^>]*> /, "")
            line[n++] = $0
        }
        END { for (i = n > 4 ? n - 4 : 0; i < n; i++) print "log=" line[i] }'
fi
exit 0"#;
