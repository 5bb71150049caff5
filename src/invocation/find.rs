//! Owns what a host is asked whose part in the cluster is not known yet. The scripts are constants,
//! and read only. Of haproxy.cfg only what is looked for leaves the host, line by line: where it
//! listens, where its servers are, its statistics and its socket, and never a password.

use super::Argv;

/// Prints `uid N`, `sudo` where root may be had without a password, `name NAME` and `fqdn NAME`,
/// `runtime NAME` for each registered Erlang node, and for each of the three programs `unit PROGRAM
/// UNIT STATE`: `runs`, of a running one, else `installed`. `end` proves the whole.
const SURROUNDINGS: &str = r#"# reads only
LC_ALL=C
export LC_ALL
echo "uid $(id -u)"
[ "$(id -u)" = 0 ] || { sudo -n true 2> /dev/null && echo sudo; }
echo "name $(uname -n)"
fqdn=$(hostname -f 2> /dev/null) && echo "fqdn $fqdn"
epmd -names 2> /dev/null | sed -n 's/^name \([^ ]*\) at port .*/runtime \1/p'
for process in /proc/[0-9]*; do
    { read -r name < "$process/comm"; } 2> /dev/null || continue
    case $name in
        # Erlang runs other programs too, the tools of RabbitMQ among them.
        beam.smp) tr '\0' ' ' < "$process/cmdline" 2> /dev/null | grep -q -e ' -s rabbit boot ' || continue ;;
        haproxy | keepalived) ;;
        *) continue ;;
    esac
    unit=$(sed -n 's#.*/\([^/]*\)\.service$#\1#p' "$process/cgroup" 2> /dev/null | head -n 1)
    [ -z "$unit" ] || echo "unit $name $unit runs"
done | sort -u
for unit in rabbitmq-server haproxy keepalived; do
    [ "$(systemctl show -p LoadState --value "$unit.service" 2> /dev/null)" = loaded ] || continue
    name=$unit
    [ "$unit" != rabbitmq-server ] || name=beam.smp
    echo "unit $name $unit installed"
done
echo end
"#;

/// Prints `file PATH` and its lines, each behind a bar, for every file that the running HAProxy was
/// given, else for the usual one; `missing PATH` where one cannot be read. `end` proves the whole.
const HAPROXY: &str = r#"# reads only
LC_ALL=C
export LC_ALL
given=
for process in /proc/[0-9]*; do
    { read -r name < "$process/comm"; } 2> /dev/null || continue
    [ "$name" = haproxy ] || continue
    given=$(tr '\0' '\n' < "$process/cmdline" 2> /dev/null | awk '
        want || rest { print; want = 0; next }
        /^-f$/ { want = 1 }
        /^--$/ { rest = 1 }')
    [ -z "$given" ] || break
done
printf '%s\n' "${given:-/etc/haproxy/haproxy.cfg}" | while read -r path; do
    if [ -d "$path" ]; then
        for file in "$path"/*.cfg; do [ ! -e "$file" ] || printf '%s\n' "$file"; done
    else
        printf '%s\n' "$path"
    fi
done | while read -r file; do
    if [ ! -r "$file" ] || [ "$(wc -c < "$file")" -gt 1048576 ]; then
        echo "missing $file"
        continue
    fi
    echo "file $file"
    awk '{
        line = $0
        sub(/\r$/, "", line)
        sub(/^[ \t]+/, "", line)
        count = split(line, word, /[ \t]+/)
        out = ""
        if (word[1] ~ /^(global|defaults|listen|frontend|backend|peers|userlist|resolvers|program|cache|ring|mailers|fcgi-app|http-errors|log-forward|log-profile|crt-store|traces|acme)$/)
            out = word[1] " " word[2] " " word[3] " " word[4]
        else if (word[1] == "server") out = word[1] " " word[2] " " word[3]
        else if (word[1] == "mode" || word[1] == "default_backend" || word[1] == "use_backend") out = word[1] " " word[2]
        else if (word[1] == "bind") {
            out = word[1] " " word[2]
            for (i = 3; i <= count; i++) if (word[i] == "ssl") out = out " ssl"
        } else if (word[1] == "stats" && word[2] == "auth") {
            sub(/:.*/, "", word[3])
            out = "stats auth " word[3]
        } else if (word[1] == "stats" && word[2] ~ /^(enable|uri)$/) out = word[1] " " word[2] " " word[3]
        else if (word[1] == "stats" && word[2] == "socket") {
            out = "stats socket " word[3]
            for (i = 4; i < count; i++) if (word[i] == "level") out = out " level " word[i + 1]
        }
        sub(/ +$/, "", out)
        print "|" out
    }' "$file"
done
echo end
"#;

pub(super) fn surroundings() -> Argv {
    Argv::new("sh", ["-c", SURROUNDINGS])
}

pub(super) fn haproxy() -> Argv {
    Argv::new("sh", ["-c", HAPROXY])
}

/// Prints JSON, and then `ok`. 3.10 has neither `rabbit_khepri` nor `list_members`; the listeners are
/// the node's own.
pub(super) const BROKER_FACTS: &str = "io:format(\"~ts~n\", [rabbit_json:encode(#{\
    name => rabbit_nodes:cluster_name(), \
    version => unicode:characters_to_binary(rabbit_misc:version()), \
    prefix => unicode:characters_to_binary(application:get_env(rabbitmq_management, path_prefix, \"\")), \
    khepri => true =:= (catch rabbit_khepri:is_enabled()), \
    vhosts => rabbit_vhost:list_names(), \
    members => case erlang:function_exported(rabbit_nodes, list_members, 0) of \
        true -> rabbit_nodes:list_members(); false -> rabbit_nodes:all() end, \
    listeners => [#{protocol => element(3, L), port => element(6, L)} \
        || L <- rabbit_networking:node_listeners(node())]})]).";

#[cfg(test)]
mod tests {
    use super::{HAPROXY, SURROUNDINGS};
    use std::process::Command;

    fn shell(script: &str) -> String {
        let said = Command::new("sh").args(["-c", script]).output().unwrap();
        String::from_utf8(said.stdout).unwrap()
    }

    #[test]
    fn a_host_without_any_of_it_answers_whole() {
        let text = shell(SURROUNDINGS);
        assert!(text.starts_with("uid "), "{text}");
        assert!(text.ends_with("end\n"), "{text}");
        assert!(shell(HAPROXY).ends_with("end\n"));
    }

    /// The script, on a file of our own.
    #[test]
    fn no_password_of_haproxy_leaves_the_host() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "global\n  stats socket /run/h.sock level admin\nuserlist u\n  user a insecure-password canary\n\
                    listen mq\n  bind :5671 ssl crt /etc/canary.pem\n  server a b:5672 check sni str(canary)\n\
                    frontend s\n  stats auth admin:canary\n  stats uri /s\n  http-request set-header A canary\n";
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().to_str().unwrap();
        let of_file = HAPROXY.replace("${given:-/etc/haproxy/haproxy.cfg}", path);
        let said = shell(&of_file);
        assert!(!said.contains("canary"), "{said}");
        for line in [
            "|stats socket /run/h.sock level admin",
            "|stats auth admin",
            "|bind :5671 ssl",
            "|server a b:5672",
            "|stats uri /s",
        ] {
            assert!(said.lines().any(|told| told == line), "{line} of {said}");
        }
        assert_eq!(said.lines().count(), text.lines().count() + 2);
    }
}
