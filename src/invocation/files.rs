//! Owns the one look into what a node left on its host's disc. The script is a constant; the
//! names of the node and of its service are handed to it as arguments. It reads and changes nothing.

use super::Argv;
use crate::model::name::{NodeName, ServiceName};

/// Asks what a node left on its host's disc.
pub(super) fn look(node: &NodeName, service: &ServiceName) -> Argv {
    script(LOOK, node, service)
}

/// Asks what a node's log says of its latest start.
pub(super) fn start_log(node: &NodeName, service: &ServiceName) -> Argv {
    script(START_LOG, node, service)
}

fn script(text: &str, node: &NodeName, service: &ServiceName) -> Argv {
    let (node, service) = (node.as_str(), service.as_str());
    Argv::new("sh", ["-c", text, "rmqtop", node, service])
}

/// Where a setting of the node's environment stands, as a function of the shell; the names of the
/// node and of its service are the arguments.
macro_rules! settings {
    () => {
        r#"LC_ALL=C
export LC_ALL
service=$2
if [ "$(id -u)" != 0 ]; then
    echo "only root may look into the data directory" >&2
    exit 77
fi
set_to() {
    systemctl show "$service" --property=Environment | tr ' ' '\n' | tr -d '"' |
        sed -n "s/^\(Environment=\)\{0,1\}RABBITMQ_$1=//p" | tail -n 1 | grep . && return
    sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}\(RABBITMQ_\)\{0,1\}$1=//p" \
        /etc/default/rabbitmq-server /etc/rabbitmq/rabbitmq-env.conf 2>/dev/null | tail -n 1 | tr -d "\"'"
}
"#
    };
}

/// What the log says of the latest start, as lines `log=…`.
macro_rules! start_log {
    () => {
        r#"logs=$(set_to LOG_BASE)
log=${logs:-/var/log/rabbitmq}/$1.log
if [ -f "$log" ]; then
    tail -c 262144 "$log" | awk '
        / Starting RabbitMQ [0-9]/ { n = 0; waits = 0 }
        / retries left/ && ++waits < 2 { next }
        /Error while waiting for|retries left|BOOT FAILED|waiting for .*leader|timeout_waiting_for|inconsistent_cluster|[Ii]nvalid challenge|enospc|[Nn]o space left|duplicate_node_name|already running on|seems to be in use|eaddrinuse|dist_port_already_used|failed_to_prepare_configuration|schema_integrity|Error during startup|incompatible_feature_flags|cannot_connect|failed_to_cluster/ {
            sub(/^[^>]*> /, "")
            line[n++] = $0
        }
        END { for (i = n > 4 ? n - 4 : 0; i < n; i++) print "log=" line[i] }'
fi
"#
    };
}

/// What the log says of the latest start; where it says nothing, what the service printed: a start
/// that fails early fails before there is a log.
const START_LOG: &str = concat!(
    settings!(),
    "{\n",
    start_log!(),
    r#"} | grep . && exit 0
{
    for said in "$service.log" "$service.error.log" startup_log startup_err; do
        if [ -f "${logs:-/var/log/rabbitmq}/$said" ]; then tail -n 60 "${logs:-/var/log/rabbitmq}/$said"; fi
    done
    journalctl --unit="$service" --output=cat --lines=60 --no-pager
} 2>/dev/null | grep -E 'BOOT FAILED|inconsistent_cluster|[Ii]nvalid challenge|enospc|[Nn]o space left|duplicate_node_name|already running on|eaddrinuse|[Ee]rror' |
    tail -n 4 | sed 's/^/log=/'
exit 0"#
);

/// Prints `key=value` lines. Exits with 77 (`EX_NOPERM`) where it may not look, for a directory
/// that cannot be read must never pass for one that is not there.
///
/// Paths are Debian's and Red Hat's, unless `rabbitmq-env.conf` names others (configuration guide,
/// "Environment Variables"). The log is read from the latest start on; that it waits for tables is
/// worth a word only after a first wait was in vain, for every start says so once.
const LOOK: &str = concat!(
    settings!(),
    r#"systemctl show "$service" --property=ActiveState --property=InactiveEnterTimestampMonotonic
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
"#,
    start_log!(),
    "exit 0"
);
