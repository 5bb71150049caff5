//! Proves what a discovery writes, and what it leaves alone.

use super::{Choices, into_text, is_taken, standing};
use crate::config::file;
use crate::discover::found::{Found, FoundBalancer, FoundHost};
use crate::model::name::NodeName;
use std::path::Path;

fn choices(name: &str) -> Choices {
    Choices {
        name: name.to_owned(),
        username: "monitor".to_owned(),
        ssh_config: None,
    }
}

fn host(number: u8) -> FoundHost {
    FoundHost {
        name: format!("mq{number}"),
        ssh: Some(format!("root@10.0.0.{number}")),
        address: format!("10.0.0.{number}"),
        node: NodeName::parse(&format!("rabbit@mq{number}")).ok(),
        ..FoundHost::default()
    }
}

fn found() -> Found {
    let front = FoundHost {
        balancer: Some(FoundBalancer {
            stats: Some("http://10.0.0.1:8100/stats".to_owned()),
            user: Some("admin".to_owned()),
            socket: Some("/run/h.sock".to_owned()),
            backend: Some("mq \"q\"".to_owned()),
        }),
        keepalived: true,
        sudo: true,
        ..host(1)
    };
    Found {
        port: Some(15672),
        amqp_port: Some(5671),
        vips: vec!["10.0.0.200".parse().unwrap()],
        hosts: vec![front, host(2)],
        ..Found::default()
    }
}

#[test]
fn a_new_entry_is_a_configuration() {
    let (text, _) = into_text("", &found(), &choices("prod")).unwrap();
    let config = file::parse(Path::new("/etc/x.toml"), &text).unwrap();
    let cluster = config.choose(None).unwrap();
    assert_eq!(cluster.inventory.vips, found().vips);
    assert_eq!(cluster.ssh.len(), 2);
    assert_eq!(cluster.sudo.len(), 1);
    let (_, balancer) = cluster.inventory.balancers().next().unwrap();
    assert_eq!(balancer.backend.as_deref(), Some("mq \"q\""));
    assert_eq!(
        cluster
            .pages
            .values()
            .next()
            .unwrap()
            .login
            .as_ref()
            .unwrap()
            .username,
        "admin"
    );
}

/// Without SSH, VIP and API: what is not known is a comment.
#[test]
fn what_is_not_known_is_left_as_a_comment() {
    let mut bare = found();
    bare.vips.clear();
    (bare.port, bare.amqp_port, bare.is_https) = (None, None, true);
    bare.hosts[0].balancer = None;
    bare.hosts[1].ssh = None;
    bare.hosts[1].unreached = Some(("root@10.0.0.2".to_owned(), "timed out\nreally".to_owned()));
    let (text, _) = into_text("", &bare, &choices("p q.r")).unwrap();
    let config = file::parse(Path::new("/etc/x.toml"), &text).unwrap();
    assert_eq!(config.clusters.keys().collect::<Vec<_>>(), ["p q.r"]);
    for comment in [
        "# vip = ",
        "# amqp_port = ",
        "# port = ",
        "# ssh = \"root@10.0.0.2\"  # timed out really",
    ] {
        assert!(text.contains(comment), "{comment} in {text}");
    }
}

#[test]
fn a_second_time_nothing_changes() {
    let (text, _) = into_text("", &found(), &choices("prod")).unwrap();
    let (again, changes) = into_text(&text, &found(), &choices("prod")).unwrap();
    assert_eq!((again, changes), (text, Vec::new()));
}

#[test]
fn only_what_changed_changes_and_the_rest_stays_as_it_is() {
    let (text, _) = into_text("", &found(), &choices("prod")).unwrap();
    let other = "\n[clusters.other]  # mine\nmanagement = { username = \"x\", password_env = \"Y\" }\n\
                 [[clusters.other.hosts]]\nname = \"a\"\nnode = \"rabbit@a\"\n# the end\n";
    let text = format!("# ours\n{text}{other}")
        .replace("amqp_port = 5671", "amqp_port = 5671   # of the proxy")
        .replace("ssh = \"root@10.0.0.2\"", "ssh = \"jump-to-mq2\"")
        .replace("username = \"admin\"", "username = \"me\"");
    let mut new = found();
    new.amqp_port = Some(5672);
    new.hosts[0].balancer.as_mut().unwrap().socket = Some("/run/new.sock".to_owned());
    new.hosts[1].port = Some(15673);
    new.hosts.push(host(3));
    let (after, changes) = into_text(&text, &new, &choices("prod")).unwrap();
    assert_eq!(
        changes,
        [
            "the cluster: amqp_port was 5671, is 5672",
            "mq1: haproxy.socket was \"/run/h.sock\", is \"/run/new.sock\"",
            "mq2: port is 15673",
            "mq3 is new",
        ]
    );
    assert!(after.starts_with("# ours\n"), "{after}");
    assert!(after.ends_with(other), "{after}");
    for kept in [
        "amqp_port = 5672   # of the proxy",
        "ssh = \"jump-to-mq2\"",
        "username = \"me\"",
    ] {
        assert!(after.contains(kept), "{kept} in {after}");
    }
    let config = file::parse(Path::new("/etc/x.toml"), &after).unwrap();
    assert_eq!(config.clusters["prod"].inventory.hosts.len(), 3);
    let without: Found = Found {
        hosts: vec![host(1)],
        ..found()
    };
    let (_, changes) = into_text(&after, &without, &choices("prod")).unwrap();
    assert!(
        changes
            .iter()
            .any(|it| it.starts_with("mq2 is in the file but has left the cluster")),
        "{changes:?}"
    );
}

#[test]
fn another_cluster_is_added_below() {
    let (text, _) = into_text("", &found(), &choices("prod")).unwrap();
    let (both, _) = into_text(&text, &found(), &choices("test")).unwrap();
    assert!(both.starts_with(&text));
    let config = file::parse(Path::new("/etc/x.toml"), &both).unwrap();
    assert_eq!(config.default_cluster.as_deref(), Some("prod"));
    assert_eq!(config.clusters.len(), 2);
}

#[test]
fn an_entry_is_known_by_its_nodes_whatever_it_is_called() {
    let path = Path::new("/etc/x.toml");
    let known = |text: &str| standing(path, text, &found()).unwrap();
    assert_eq!(known("# nothing yet\n"), None);
    let (text, _) = into_text("", &found(), &choices("ours")).unwrap();
    let entry = ("ours".to_owned(), "monitor".to_owned());
    assert_eq!(known(&text), Some(entry));
    assert_eq!(known(&text.replace("rabbit@mq", "rabbit@other")), None);
    let elsewhere = text.replace("10.0.0.", "10.9.0.");
    assert_eq!(known(&elsewhere), None, "the same names in another place");
    assert!(is_taken(&text, "ours") && !is_taken(&text, "theirs"));
    assert!(standing(path, "[clusters.x]\nbad = 1\n", &found()).is_err());
    assert!(standing(path, "= no toml", &found()).is_err());
}

/// Both listeners may be open: the password is not sent in the clear because of that.
#[test]
fn an_entry_with_tls_keeps_it() {
    let secure = Found {
        is_https: true,
        port: Some(15671),
        ..found()
    };
    let (text, _) = into_text("", &secure, &choices("prod")).unwrap();
    let (after, changes) = into_text(&text, &found(), &choices("prod")).unwrap();
    assert_eq!((after, changes), (text, Vec::new()));
}
