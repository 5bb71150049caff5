//! Owns the changes of an entry that stands already: the values that differ, and nothing else. What
//! was not found is left as it is; so is what only its owner can know: how hosts are reached, and
//! who logs in.

use super::{Choices, EntryError, haproxy, host_lines, services};
use crate::discover::found::{Found, FoundHost};
use std::net::IpAddr;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

/// Brings the entry of a cluster up to date, and says what changed.
pub(super) fn cluster(
    document: &mut DocumentMut,
    found: &Found,
    choices: &Choices,
) -> Result<Vec<String>, EntryError> {
    let fault = || EntryError::Form(choices.name.clone());
    let clusters = document
        .get_mut("clusters")
        .and_then(Item::as_table_like_mut);
    let cluster = clusters.and_then(|clusters| clusters.get_mut(&choices.name));
    let cluster = cluster.and_then(Item::as_table_mut).ok_or_else(fault)?;
    let mut changes = Vec::new();
    front(cluster, found, &mut changes);
    let api = cluster.get_mut("management").and_then(Item::as_table_mut);
    management(api.ok_or_else(fault)?, found, &mut changes);
    let rows = cluster
        .get_mut("hosts")
        .and_then(Item::as_array_of_tables_mut);
    hosts(rows.ok_or_else(fault)?, found, &mut changes)?;
    Ok(changes)
}

/// Where clients come in.
fn front(cluster: &mut Table, found: &Found, changes: &mut Vec<String>) {
    if !found.vips.is_empty() && !holds_all(cluster.get("vip"), found) {
        let vips: Vec<String> = found.vips.iter().map(ToString::to_string).collect();
        let value = match vips.as_slice() {
            [vip] => Value::from(vip.as_str()),
            several => several.iter().map(String::as_str).collect::<Value>(),
        };
        set(cluster, ("vip", value), "the cluster", changes);
    }
    if let Some(port) = found.amqp_port {
        set(
            cluster,
            ("amqp_port", i64::from(port).into()),
            "the cluster",
            changes,
        );
    }
}

/// How the management API is reached. What is as usual needs no key.
fn management(table: &mut Table, found: &Found, changes: &mut Vec<String>) {
    let Some(port) = found.port else { return };
    // What goes encrypted never goes in the clear because that is possible too.
    if table.get("scheme").and_then(Item::as_str) == Some("https") && !found.is_https {
        return;
    }
    let (scheme, usual) = if found.is_https {
        ("https", 15671)
    } else {
        ("http", 15672)
    };
    let keys = [
        ("port", i64::from(port).into(), port == usual),
        ("scheme", scheme.into(), !found.is_https),
        (
            "path_prefix",
            found.prefix.as_str().into(),
            found.prefix.is_empty(),
        ),
    ];
    for (key, value, is_usual) in keys {
        if !is_usual || table.contains_key(key) {
            set(table, (key, value), "management", changes);
        }
    }
}

fn hosts(
    rows: &mut ArrayOfTables,
    found: &Found,
    changes: &mut Vec<String>,
) -> Result<(), EntryError> {
    for host in &found.hosts {
        let at = rows.iter().position(|table| is_it(table, host));
        if let Some(table) = at.and_then(|at| rows.get_mut(at)) {
            update_host(table, host, changes);
        } else {
            changes.push(format!("{} is new", host.name));
            rows.push(as_table(host)?);
        }
    }
    for table in rows.iter() {
        let name = table.get("name").and_then(Item::as_str).unwrap_or_default();
        let is_member = table.contains_key("node");
        if is_member && !found.hosts.iter().any(|host| is_it(table, host)) {
            let words = "is in the file but has left the cluster: remove it by hand";
            changes.push(format!("{name} {words}"));
        }
    }
    Ok(())
}

fn holds_all(item: Option<&Item>, found: &Found) -> bool {
    let words: Vec<&str> = match item.and_then(Item::as_value) {
        Some(Value::String(word)) => vec![word.value()],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut vips = found.vips.iter();
    vips.all(|vip| words.iter().any(|word| word.parse() == Ok(*vip)))
}

fn is_it(table: &Table, host: &FoundHost) -> bool {
    let word = |key| table.get(key).and_then(Item::as_str);
    match (word("node"), &host.node) {
        (Some(known), Some(node)) => known == node.as_str(),
        _ => word("name") == Some(&host.name),
    }
}

fn as_table(host: &FoundHost) -> Result<Table, EntryError> {
    let document: DocumentMut = host_lines(host).join("\n").parse()?;
    let mut table = document.as_table().clone();
    table.decor_mut().set_prefix("\n");
    Ok(table)
}

/// `ssh` and `sudo` are set where they are missing only.
fn update_host(table: &mut Table, host: &FoundHost, changes: &mut Vec<String>) {
    let name = host.name.as_str();
    if let Some(ssh) = &host.ssh
        && !table.contains_key("ssh")
    {
        set(table, ("ssh", ssh.as_str().into()), name, changes);
        if host.sudo {
            set(table, ("sudo", true.into()), name, changes);
        }
    }
    if table.contains_key("address") && host.address.parse::<IpAddr>().is_ok() {
        set(
            table,
            ("address", host.address.as_str().into()),
            name,
            changes,
        );
    }
    if let Some(node) = &host.node {
        set(table, ("node", node.as_str().into()), name, changes);
    }
    if let Some(port) = host.port {
        set(table, ("port", i64::from(port).into()), name, changes);
    }
    if host.keepalived {
        set(table, ("keepalived", true.into()), name, changes);
    }
    if !host.services.is_empty() {
        update_inline(table, ("services", services(host)), name, changes);
    }
    if let Some(balancer) = &host.balancer {
        update_inline(table, ("haproxy", haproxy(balancer)), name, changes);
    }
}

/// Sets the keys of an inline table; those that are in it already and were not found stay.
fn update_inline(
    table: &mut Table,
    (key, wanted): (&str, InlineTable),
    of: &str,
    changes: &mut Vec<String>,
) {
    let Some(known) = table.get_mut(key).and_then(Item::as_table_like_mut) else {
        set(table, (key, wanted.into()), of, changes);
        return;
    };
    let has_login = known.contains_key("username");
    for (inner, value) in wanted {
        // Who logs in, and where the password is, is its owner's choice.
        if has_login && matches!(inner.as_str(), "username" | "password_env") {
            continue;
        }
        let before = known.get(&inner).and_then(Item::as_value).cloned();
        if before
            .as_ref()
            .is_some_and(|before| is_same(before, &value))
        {
            continue;
        }
        changes.push(told(of, &format!("{key}.{inner}"), before.as_ref(), &value));
        known.insert(&inner, Item::Value(value));
    }
}

fn set(table: &mut Table, (key, value): (&str, Value), of: &str, changes: &mut Vec<String>) {
    let before = table.get(key).and_then(Item::as_value).cloned();
    if before
        .as_ref()
        .is_some_and(|before| is_same(before, &value))
    {
        return;
    }
    changes.push(told(of, key, before.as_ref(), &value));
    let mut value = value;
    if let Some(before) = before {
        // Comments and spaces around it stay.
        *value.decor_mut() = before.decor().clone();
    }
    table.insert(key, Item::Value(value));
}

fn told(of: &str, key: &str, before: Option<&Value>, value: &Value) -> String {
    let bare = |value: &Value| value.clone().decorated("", "").to_string();
    match before {
        Some(before) => format!("{of}: {key} was {}, is {}", bare(before), bare(value)),
        None => format!("{of}: {key} is {}", bare(value)),
    }
}

fn is_same(a: &Value, b: &Value) -> bool {
    let bare = |value: &Value| value.clone().decorated("", "").to_string();
    match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) => a == b,
        _ => bare(a) == bare(b),
    }
}
