//! Owns the keys `port` and `services` of a host, and what the configuration says of several hosts
//! at once: which of them are one machine, and that no two of these claim the same port or service.

use super::Fault;
use crate::model::inventory::{Access, HostEntry, Keepalived, ServiceNames};
use crate::model::name::{HostName, NodeName, ServiceName};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServices {
    broker: Option<ServiceName>,
    haproxy: Option<ServiceName>,
    keepalived: Option<ServiceName>,
}

impl RawServices {
    pub(super) fn with_defaults(self) -> ServiceNames {
        let usual = ServiceNames::default();
        ServiceNames {
            broker: self.broker.unwrap_or(usual.broker),
            haproxy: self.haproxy.unwrap_or(usual.haproxy),
            keepalived: self.keepalived.unwrap_or(usual.keepalived),
        }
    }
}

/// A port of a host without a node would never be asked.
pub(super) fn check_port(
    host: &HostName,
    node: Option<&Spanned<NodeName>>,
    port: Spanned<u16>,
) -> Result<u16, Fault> {
    let at = port.span().start;
    match (port.into_inner(), node) {
        (0, _) => Err(Fault {
            at,
            message: format!("port of host `{host}` is 0; expected 1 to 65535"),
        }),
        (port, Some(_)) => Ok(port),
        (_, None) => Err(Fault {
            at,
            message: format!(
                "host `{host}` has a port but no node; port is that of the node's management API"
            ),
        }),
    }
}

/// Where the keys of a host stand in the file; where its name stands for those that are absent.
pub(super) struct Place {
    pub(super) port: usize,
    pub(super) services: usize,
    pub(super) keepalived: usize,
}

/// Tells every host which machine it is on: that of an earlier one with the same address or the
/// same SSH destination, else its own. `port` is that of nodes which name none.
pub(super) fn join(
    hosts: &mut [HostEntry],
    ssh: &BTreeMap<HostName, String>,
    (places, port): (&[Place], u16),
) -> Result<(), Fault> {
    for at in 0..hosts.len() {
        let (earlier, rest) = hosts.split_at_mut(at);
        let (Some(host), Some(place)) = (rest.first_mut(), places.get(at)) else {
            continue;
        };
        for other in &*earlier {
            if is_one_machine(other, host, ssh) {
                host.machine = other.machine.clone();
                check(other, host, (place, port))?;
            }
        }
    }
    Ok(())
}

fn is_one_machine(a: &HostEntry, b: &HostEntry, ssh: &BTreeMap<HostName, String>) -> bool {
    let both_local = a.access == Access::Local && b.access == Access::Local;
    let same_way = ssh
        .get(&a.name)
        .is_some_and(|way| Some(way) == ssh.get(&b.name));
    let mut known = a.addresses.iter().filter(|ip| !ip.is_loopback());
    let same_ip = known.any(|ip| b.addresses.contains(ip));
    a.address == b.address || same_ip || both_local || same_way
}

/// `later` stands below `earlier` in the file, and both are one machine.
fn check(
    earlier: &HostEntry,
    later: &HostEntry,
    (place, port): (&Place, u16),
) -> Result<(), Fault> {
    let pair = format!(
        "hosts `{}` and `{}` are one machine",
        earlier.name, later.name
    );
    if earlier.node.is_some() && later.node.is_some() {
        let ports = [earlier, later].map(|host| host.port.unwrap_or(port));
        if earlier.address == later.address && ports[0] == ports[1] {
            let message = format!(
                "{pair}, and the management port of both nodes is {}; give each node its own `port`",
                ports[0]
            );
            return Err(Fault {
                at: place.port,
                message,
            });
        }
        same_service(
            (&pair, "broker"),
            [&earlier.services.broker, &later.services.broker],
            place,
        )?;
    }
    if earlier.balancer.is_some() && later.balancer.is_some() {
        same_service(
            (&pair, "haproxy"),
            [&earlier.services.haproxy, &later.services.haproxy],
            place,
        )?;
    }
    if [earlier, later]
        .iter()
        .all(|h| h.keepalived == Keepalived::Expected)
    {
        let message = format!("{pair}; keep `keepalived = true` on one of them");
        return Err(Fault {
            at: place.keepalived,
            message,
        });
    }
    Ok(())
}

fn same_service(
    (pair, key): (&str, &str),
    names: [&ServiceName; 2],
    place: &Place,
) -> Result<(), Fault> {
    if names[0] != names[1] {
        return Ok(());
    }
    let message = format!(
        "{pair}, and `{}` is the {key} service of both; name each with `services = {{ {key} = … }}`",
        names[0]
    );
    Err(Fault {
        at: place.services,
        message,
    })
}
