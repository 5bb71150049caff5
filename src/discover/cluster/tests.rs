//! Proves how hosts become a cluster, from what hosts say.

use super::super::balancer;
use super::super::host::{BrokerFacts, HostFacts, Surroundings};
use super::{Away, join};
use crate::discover::Target;
use crate::discover::found::Found;
use crate::discover::target::Destination;
use crate::model::name::NodeName;
use crate::model::vrrp::{VrrpConfig, VrrpInstance};
use std::collections::BTreeMap;

fn node(text: &str) -> NodeName {
    NodeName::parse(text).unwrap()
}

fn destination(text: &str) -> Destination {
    match Target::parse(text).unwrap() {
        Target::Ssh(destination) => destination,
        Target::Api(_) => unreachable!("{text} is no URL"),
    }
}

/// A host by its last figure, without any program.
fn host(number: u8) -> HostFacts {
    HostFacts {
        destination: destination(&format!("root@10.0.0.{number}")),
        who: Surroundings {
            is_root: true,
            name: format!("mq{number}"),
            ..Surroundings::default()
        },
        balancer: None,
        vrrp: None,
        broker: None,
        gaps: Vec::new(),
    }
}

fn broker(own: &str) -> BrokerFacts {
    let addresses = (1..=3).map(|it| (format!("mq{it}"), format!("10.0.0.{it}").parse().unwrap()));
    BrokerFacts {
        node: node(own),
        name: "our_cluster".to_owned(),
        version: "4.3.6".to_owned(),
        members: (1..=3).map(|it| node(&format!("rabbit@mq{it}"))).collect(),
        api: Some((false, 15672)),
        amqp: vec![5672],
        prefix: String::new(),
        is_khepri: true,
        vhosts: vec!["/".to_owned()],
        users: None,
        addresses: addresses.collect(),
    }
}

fn member(number: u8) -> HostFacts {
    HostFacts {
        broker: Some(broker(&format!("rabbit@mq{number}"))),
        ..host(number)
    }
}

/// A host with an HAProxy of this configuration.
fn in_front(number: u8, text: &str) -> HostFacts {
    let mut front = host(number);
    let unit = ("haproxy".to_owned(), true);
    front.who.units.insert("haproxy".to_owned(), unit);
    front.balancer = Some(balancer::read(text));
    front
}

const PROXY: &str = "global\n stats socket /run/h.sock\n\
                     listen ui\n bind :15672\n server a 10.0.0.1:15672\n server b 10.0.0.2:15672\n server c 10.0.0.3:15672\n\
                     listen web\n bind :80\n server a 10.0.0.9:80\n\
                     listen mq\n bind :5671\n server a 10.0.0.1:5672\n server b mq2:5672\n server c mq3.example.org:5672\n";

fn joined(hosts: &[HostFacts], away: &Away) -> Found {
    join(hosts, &broker("rabbit@mq1"), away, Vec::new())
}

#[test]
fn a_load_balancer_on_a_host_of_its_own_is_part_of_it() {
    let instance = VrrpInstance {
        addresses: vec!["10.0.0.200".parse().unwrap()],
        ..VrrpInstance::default()
    };
    let mut front = in_front(8, PROXY);
    front.vrrp = Some(VrrpConfig {
        instances: vec![instance],
        ..VrrpConfig::default()
    });
    let found = joined(&[member(1), member(2), member(3), front], &Away::new());
    assert_eq!(found.gaps, Vec::<String>::new());
    let names: Vec<&str> = found.hosts.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["mq1", "mq2", "mq3", "mq8"]);
    let last = &found.hosts[3];
    let balancer = last.balancer.as_ref().unwrap();
    assert_eq!(
        balancer.backend.as_deref(),
        Some("mq"),
        "the one that leads to the members"
    );
    assert_eq!(
        (last.node.as_ref(), last.keepalived, last.address.as_str()),
        (None, true, "10.0.0.8")
    );
    assert_eq!((found.amqp_port, found.vips.len()), (Some(5671), 1));
}

#[test]
fn of_several_proxies_for_amqp_none_is_named() {
    let text = format!("{PROXY}listen tls\n bind :5670 ssl\n server a 10.0.0.1:5672\n");
    let found = joined(
        &[member(1), member(2), member(3), in_front(8, &text)],
        &Away::new(),
    );
    assert_eq!(found.hosts[3].balancer.as_ref().unwrap().backend, None);
}

#[test]
fn a_page_at_the_vip_is_nobodys_own() {
    let text = format!("{PROXY}listen stats\n bind 10.0.0.200:8100\n mode http\n stats uri /s\n");
    let page = |vip: &str| {
        let instance = VrrpInstance {
            addresses: vec![vip.parse().unwrap()],
            ..VrrpInstance::default()
        };
        let mut front = in_front(8, &text);
        front.vrrp = Some(VrrpConfig {
            instances: vec![instance],
            ..VrrpConfig::default()
        });
        let found = joined(&[member(1), member(2), member(3), front], &Away::new());
        found.hosts[3].balancer.clone().unwrap().stats
    };
    assert_eq!(
        page("10.0.0.200"),
        None,
        "the socket tells of the host itself"
    );
    assert_eq!(
        page("10.0.0.201").as_deref(),
        Some("http://10.0.0.200:8100/s")
    );
}

#[test]
fn a_member_that_was_not_reached_is_declared_all_the_same() {
    let why = ("root@10.0.0.3".to_owned(), "timed out".to_owned());
    let away: Away = BTreeMap::from([(node("rabbit@mq3"), why.clone())]);
    let found = joined(&[member(1), member(2)], &away);
    let last = &found.hosts[2];
    assert_eq!((last.address.as_str(), &last.ssh), ("10.0.0.3", &None));
    assert_eq!(last.unreached, Some(why));
    assert_eq!(
        found.gaps.len(),
        2,
        "no load balancer, no VIP: {:?}",
        found.gaps
    );
}

#[test]
fn ports_that_differ_and_logins_that_need_sudo_are_noted() {
    let mut odd = member(2);
    odd.broker.as_mut().unwrap().api = Some((false, 15673));
    (odd.who.is_root, odd.who.may_sudo) = (false, true);
    let found = joined(&[member(1), odd, member(3)], &Away::new());
    let ports: Vec<Option<u16>> = found.hosts.iter().map(|it| it.port).collect();
    assert_eq!(
        (found.port, ports),
        (Some(15672), vec![None, Some(15673), None])
    );
    let sudo: Vec<bool> = found.hosts.iter().map(|it| it.sudo).collect();
    assert_eq!(sudo, [false, true, false]);
}

#[test]
fn who_belongs_elsewhere_is_told_and_left_out() {
    let mut other = host(7);
    other.broker = Some(BrokerFacts {
        name: "theirs".to_owned(),
        ..broker("rabbit@mq7")
    });
    let plain = in_front(9, "listen web\n bind :80\n server a 10.0.0.99:80\n");
    let found = joined(
        &[member(1), member(2), member(3), other, plain],
        &Away::new(),
    );
    assert_eq!(found.hosts.len(), 3);
    let told = |words: &str| found.gaps.iter().any(|gap| gap.contains(words));
    for words in [
        "rabbit@mq7 belongs to another cluster, theirs",
        "mq9: no proxy of its HAProxy has the members for servers",
        "mq9: it has neither a broker of this cluster nor a load balancer",
    ] {
        assert!(told(words), "{words} in {:?}", found.gaps);
    }
}

#[test]
fn of_two_brokers_on_one_machine_the_second_is_left_to_the_owner() {
    let mut two = broker("rabbit@mq1");
    two.members.push(node("second@mq1"));
    let hosts = [member(1), member(2), member(3)];
    let found = join(&hosts, &two, &Away::new(), Vec::new());
    assert_eq!(found.hosts.len(), 3);
    assert!(found.gaps[0].starts_with("second@mq1 is another broker on the machine mq1"));
}
