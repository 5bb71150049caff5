//! Owns the commands that deal with the data directory of a host's node: who says where it is, what
//! stands there, and moving it aside. Nothing is ever deleted. The scripts are constants, of one
//! line each for the plans and journals that show them.

use super::Argv;
use crate::model::name::{DataPath, ServiceName, Stamp};

/// Settings that move the data elsewhere, with the file each stands in; then systemd's own.
const SETTINGS: &str = concat!(
    "grep -HsE '^[[:space:]]*(export[[:space:]]+)?(RABBITMQ_)?(MNESIA|DATA)_(BASE|DIR)=' /etc/rabbitmq/rabbitmq-env.conf /etc/default/rabbitmq-server; ",
    r#"systemctl show "$1" --property=Environment"#,
);

/// What stands at a path, which runtimes of the service's user there are, and what was moved aside.
const DIRECTORY: &str = concat!(
    r#"if [ "$(realpath -m -- "$1")" != "$1" ]; then echo link; "#,
    r#"elif [ ! -e "$1" ]; then echo absent; "#,
    r#"elif mountpoint -q -- "$1"; then echo mount; "#,
    r#"elif [ -d "$1" ]; then echo directory; else echo other; fi; "#,
    r#"ls -A -- "$1" 2> /dev/null | head -n 200 | sed 's/^/holds /'; "#,
    r#"for old in "$1".bak-*; do [ ! -e "$old" ] || printf 'aside %s\n' "$old"; done; "#,
    r#"printf 'runtimes %s\n' "$(pgrep -c -u rabbitmq beam)""#,
);

/// Moves a directory beside itself and leaves an empty one of the same owner and mode in its place.
const SET_ASIDE: &str = concat!(
    "set -eu; ",
    r#"if systemctl is-active --quiet "$3" || pgrep -u rabbitmq beam > /dev/null; then echo "$3 or another runtime of the user rabbitmq runs" >&2; exit 70; fi; "#,
    r#"if [ "$(realpath -- "$1")" != "$1" ] || mountpoint -q -- "$1" || [ ! -d "$1" ]; then echo 'it is no plain directory' >&2; exit 70; fi; "#,
    r#"if [ -e "$2" ]; then echo "$2 exists already" >&2; exit 70; fi; "#,
    r#"mv -T -- "$1" "$2"; mkdir -m 700 -- "$1"; chown --reference="$2" -- "$1"; chmod --reference="$2" -- "$1""#,
);

pub(super) fn settings(service: &ServiceName) -> Argv {
    Argv::new("sh", ["-c", SETTINGS, "rmqtop", service.as_str()])
}

pub(super) fn directory(dir: &DataPath) -> Argv {
    Argv::new("sh", ["-c", DIRECTORY, "rmqtop", dir.as_str()])
}

pub(super) fn set_aside(service: &ServiceName, dir: &DataPath, stamp: &Stamp) -> Argv {
    let (aside, service) = (dir.aside(stamp), service.as_str());
    let words = ["-c", SET_ASIDE, "rmqtop", dir.as_str(), &aside, service];
    Argv::new("sh", words)
}
