//! Owns what a host prints of its HAProxy and its keepalived.

use super::broker::lines;
use crate::invocation::keepalived::FilePattern;
use crate::sim::world::{Host, Keepalived, Reply, State, Unit, VIP, World};

/// Where keepalived's configuration is.
const CONFIG: &str = "/etc/keepalived/keepalived.conf";

/// What came over the runtime socket; nothing listens there where HAProxy does not run.
pub(super) fn or_refused(text: Option<String>) -> Reply {
    text.map_or_else(
        || {
            Reply::fails(
                1,
                "socat: E connect(…, /run/haproxy/admin.sock): Connection refused\n",
            )
        },
        Reply::says,
    )
}

/// keepalived's service, processes, links, and what it logged.
pub(super) fn state(world: &World, at: usize) -> String {
    let keepalived = world.host(at).and_then(|host| host.keepalived.as_ref());
    let Some(keepalived) = keepalived else {
        return "LoadState=not-found\nActiveState=inactive\nSubState=dead\nprocesses=0\n\
                link=lo unknown\nlink=eth0 up\nend\n"
            .to_owned();
    };
    let (words, processes) = match keepalived.unit {
        Unit::Active => ("ActiveState=active\nSubState=running", 2),
        Unit::Inactive => ("ActiveState=inactive\nSubState=dead", 0),
        Unit::Failed => ("ActiveState=failed\nSubState=failed", 0),
    };
    let log = lines("log", &keepalived.log);
    format!(
        "LoadState=loaded\n{words}\nprocesses={processes}\nlink=lo unknown\nlink=eth0 up\n{log}end\n"
    )
}

/// keepalived's configuration: one file, without includes, its password taken out.
pub(super) fn files(world: &World, at: usize, of: &[FilePattern]) -> String {
    let Some(host) = world.host(at) else {
        return String::new();
    };
    let mut lines = vec![format!("id {}", host.name)];
    match (&host.keepalived, of) {
        // Nothing is included.
        (_, [_, ..]) => lines.extend(of.iter().map(|of| format!("pattern {}", of.as_str()))),
        (None, []) => lines.push(format!("main {CONFIG}")),
        (Some(keepalived), []) => {
            lines.push(format!("main {CONFIG}\nfile {CONFIG}"));
            let text = config(world, host, keepalived);
            lines.extend(text.lines().map(|line| format!("|{line}")));
        }
    }
    lines.push("end\n".to_owned());
    lines.join("\n")
}

fn config(world: &World, host: &Host, keepalived: &Keepalived) -> String {
    let peers: Vec<String> = world
        .hosts()
        .iter()
        .filter(|other| other.keepalived.is_some() && other.name != host.name)
        .map(|other| format!("        {}\n", other.address))
        .collect();
    let peers = peers.concat();
    // Who begins as what stands in the file; it is the one with the higher priority.
    let best = world
        .hosts()
        .iter()
        .filter_map(|other| Some(other.keepalived.as_ref()?.base))
        .max();
    let initial = if best == Some(keepalived.base) {
        State::Master
    } else {
        State::Backup
    };
    format!(
        "global_defs {{\n    router_id {name}\n    script_user root\n    enable_script_security\n}}\n\
         vrrp_script chk_haproxy {{\n    script \"/etc/keepalived/haproxy_check.sh\"\n    interval 2\n    weight {weight}\n}}\n\
         vrrp_instance VI_1 {{\n    state {initial}\n    interface eth0\n    virtual_router_id 51\n    priority {base}\n    advert_int 1\n\
         \x20   unicast_src_ip {address}\n    unicast_peer {{\n{peers}    }}\n    track_script {{\n        chk_haproxy\n    }}\n\
         \x20   virtual_ipaddress {{\n        {VIP}/32\n    }}\n}}\n",
        name = host.name,
        weight = keepalived.weight,
        base = keepalived.base,
        address = host.address,
    )
}
