//! What else a HAProxy may have before the members: a second backend, and addresses of another net.

use super::{Cluster, address, host, node};
use rmqtop::model::balancer::{Backend, ServerRow, ServerStatus};
use rmqtop::model::broker::Listener;
use rmqtop::model::name::{HaproxyName, HostName};
use rmqtop::model::text::Shown;
use std::collections::BTreeSet;

impl Cluster {
    /// What the members listen on, where a second backend makes a difference of it.
    pub(super) fn listeners(&self) -> Vec<Listener> {
        let ports = [("amqp", 5672), ("amqp/ssl", 5671), ("mqtt", 1883)];
        let of_one = |at: usize| {
            ports.map(|(protocol, port)| Listener {
                node: node(at),
                protocol: Shown::new(protocol),
                port,
            })
        };
        let members = self.second.map(|_| self.members()).unwrap_or_default();
        members.into_iter().flat_map(of_one).collect()
    }

    /// The servers that a run took out, by the journal.
    pub(super) fn taken_out(&self) -> BTreeSet<(HostName, HaproxyName, HaproxyName)> {
        let name = |text: &str| HaproxyName::parse(text).unwrap();
        let of = |(on, at): &(usize, usize)| {
            let server = name(&format!("mq-node{}", at + 1));
            (host(*on), name("rabbitmq_cluster"), server)
        };
        self.out.iter().map(of).collect()
    }

    /// The address by which HAProxy reaches a member.
    pub(super) fn reached_by(&self, index: usize) -> String {
        let outer = address(index);
        if self.inner_net {
            outer.replace("192.168.", "10.0.")
        } else {
            outer
        }
    }

    /// The second backend of one HAProxy, with a server for each host, as it was told.
    pub(super) fn second_backend(&self, on: usize) -> Option<Backend> {
        let port = self.second?;
        let server = |at: usize| {
            let mut row = ServerRow {
                address: Some(Shown::new(&format!("{}:{port}", self.reached_by(at)))),
                ..self.server(at)
            };
            if self.second_out.contains(&(on, at)) {
                row.status = ServerStatus::Maint;
            }
            row
        };
        Some(Backend {
            name: Shown::new("second"),
            mode: Some(Shown::new("tcp")),
            status: Shown::new("UP"),
            servers: (0..self.lives.len()).map(server).collect(),
            ..Backend::default()
        })
    }
}
