//! Owns the reading of `ip -o addr show` and `ip -o monitor address`, and the set of addresses
//! kept from both.

use crate::model::host::{Dad, HostAddress};
use crate::model::text::Shown;
use std::net::IpAddr;

/// One line of `ip -o monitor address`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Added(HostAddress),
    Deleted(HostAddress),
}

/// Reads `2: eth0    inet 192.168.0.200/32 scope global eth0\ …`, with or without the mark of a
/// deletion before it.
pub(super) fn parse_event(line: &str) -> Option<Event> {
    let line = line.trim_start();
    // With several kinds of objects watched, iproute2 puts a label before the line.
    let line = line.strip_prefix("[ADDR]").unwrap_or(line).trim_start();
    match line.strip_prefix("Deleted ") {
        Some(rest) => parse_address(rest).map(Event::Deleted),
        None => parse_address(line).map(Event::Added),
    }
}

fn parse_address(line: &str) -> Option<HostAddress> {
    let mut words = line.split_whitespace();
    let index = words.next()?.strip_suffix(':')?;
    index.parse::<u32>().ok()?;
    // `eth0@if5` is eth0, joined to another interface.
    let interface = words.next()?.split('@').next()?;
    let family = words.next()?;
    let place = words.next()?;
    let (address, prefix) = match place.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse().ok()?)),
        // `inet 10.0.0.1 peer 10.0.0.2/32`: the prefix belongs to the peer.
        None if words.next() == Some("peer") => (place, None),
        None => return None,
    };
    let address: IpAddr = address.parse().ok()?;
    let (word, bits) = match address {
        IpAddr::V4(_) => ("inet", 32),
        IpAddr::V6(_) => ("inet6", 128),
    };
    let prefix = prefix.unwrap_or(bits);
    (family == word && prefix <= bits).then(|| HostAddress {
        interface: Shown::new(interface),
        address,
        prefix,
        dad: dad(words),
    })
}

/// The flags stand between the scope and the lifetimes. An optimistic address is used while it is
/// being checked (RFC 4429).
fn dad<'l>(words: impl Iterator<Item = &'l str>) -> Dad {
    let (mut tentative, mut optimistic) = (false, false);
    for word in words {
        // A backslash stands where the line would be broken.
        let (flag, is_last) = match word.split_once('\\') {
            Some((flag, _)) => (flag, true),
            None => (word, false),
        };
        match flag {
            "dadfailed" => return Dad::Failed,
            "tentative" => tentative = true,
            "optimistic" => optimistic = true,
            _ => {}
        }
        if is_last {
            break;
        }
    }
    if tentative && !optimistic {
        Dad::Tentative
    } else {
        Dad::Settled
    }
}

/// The addresses of a host in the kernel's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table(pub(super) Vec<HostAddress>);

impl Table {
    /// Reads a whole listing.
    pub(super) fn parse(listing: &str) -> Self {
        Self(listing.lines().filter_map(parse_address).collect())
    }

    /// Whether the event changed anything.
    pub(super) fn apply(&mut self, event: &Event) -> bool {
        match event {
            Event::Added(added) if self.0.contains(added) => false,
            // The kernel says again of an address that its flags changed.
            Event::Added(added) => {
                match self.0.iter_mut().find(|held| is_same(held, added)) {
                    Some(held) => held.clone_from(added),
                    None => self.0.push(added.clone()),
                }
                true
            }
            Event::Deleted(deleted) => {
                let before = self.0.len();
                self.0.retain(|held| !is_same(held, deleted));
                self.0.len() != before
            }
        }
    }
}

/// Whether both are one address of one interface, whatever their flags.
fn is_same(a: &HostAddress, b: &HostAddress) -> bool {
    (&a.interface, a.address, a.prefix) == (&b.interface, b.address, b.prefix)
}

#[cfg(test)]
mod tests {
    use super::{Event, Table, parse_event};
    use crate::model::host::Dad;
    use crate::sources::scripted::fixture;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::net::IpAddr;

    const LISTING: &str = "\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
1: lo    inet6 ::1/128 scope host \\       valid_lft forever preferred_lft forever
2: eth0@if5    inet 192.168.0.12/24 brd 192.168.0.255 scope global eth0\\       valid_lft forever
3: tun0    inet 10.0.0.1 peer 10.0.0.2/32 scope global tun0\\       valid_lft forever
";
    const VIP: &str =
        "2: eth0    inet 192.168.0.200/32 scope global proto keepalived eth0\\   valid";

    #[test]
    fn a_listing_gives_every_address_with_its_interface() {
        let table = Table::parse(LISTING);
        let seen: Vec<(String, String, u8)> = table
            .0
            .iter()
            .map(|held| {
                (
                    held.interface.to_string(),
                    held.address.to_string(),
                    held.prefix,
                )
            })
            .collect();
        let expected = [
            ("lo", "127.0.0.1", 8),
            ("lo", "::1", 128),
            ("eth0", "192.168.0.12", 24),
            ("tun0", "10.0.0.1", 32),
        ];
        assert_eq!(
            seen,
            expected.map(|(i, a, p)| (i.to_owned(), a.to_owned(), p))
        );
    }

    #[test]
    fn events_change_the_table_once() {
        let vip: IpAddr = "192.168.0.200".parse().unwrap();
        let mut table = Table::parse(LISTING);
        let added = parse_event(VIP).unwrap();
        assert!(table.apply(&added));
        assert!(!table.apply(&added));
        assert!(table.0.iter().any(|held| held.address == vip));
        for prefix in ["Deleted ", "[ADDR]Deleted ", " Deleted "] {
            let deleted = parse_event(&format!("{prefix}{VIP}")).unwrap();
            assert!(matches!(deleted, Event::Deleted(_)), "{prefix}");
            table.apply(&deleted);
        }
        assert_eq!(table, Table::parse(LISTING));
    }

    /// Lines of iproute2 6.1 and 6.15.
    #[test]
    fn flags_say_whether_an_address_is_used() {
        let line = |flags: &str| {
            format!(
                "2: eth0    inet6 fd00::200/128 scope global {flags}\\       valid_lft forever preferred_lft forever"
            )
        };
        let dad = |flags: &str| match parse_event(&line(flags)) {
            Some(Event::Added(held)) => held.dad,
            other => panic!("{other:?}"),
        };
        assert_eq!(dad(""), Dad::Settled);
        assert_eq!(dad("nodad deprecated proto keepalived "), Dad::Settled);
        assert_eq!(dad("tentative "), Dad::Tentative);
        assert_eq!(dad("optimistic tentative "), Dad::Settled);
        assert_eq!(dad("dadfailed tentative "), Dad::Failed);
    }

    #[test]
    fn a_change_of_flags_is_a_change_of_the_address() {
        let address = "2: eth0    inet6 fd00::200/128 scope global";
        let mut table = Table::parse(LISTING);
        let before = table.clone();
        for (flags, dad) in [
            ("tentative ", Dad::Tentative),
            ("", Dad::Settled),
            ("dadfailed tentative ", Dad::Failed),
        ] {
            let event = parse_event(&format!("{address} {flags}\\  valid")).unwrap();
            assert!(table.apply(&event), "{flags}");
            assert!(!table.apply(&event), "{flags}");
            assert_eq!(table.0.len(), before.0.len() + 1);
            assert_eq!(table.0.last().unwrap().dad, dad);
        }
        let gone = parse_event(&format!("Deleted {address} \\  valid")).unwrap();
        assert!(table.apply(&gone));
        assert_eq!(table, before);
    }

    #[test]
    fn other_lines_are_no_events() {
        for line in [
            "",
            "2: eth0: <BROADCAST,UP> mtu 1500",
            "2: eth0    inet 192.168.0.200",
            "2: eth0    inet ::1/128",
            "x: eth0    inet 1.2.3.4/8",
            "2: eth0    inet 1.2.3.4/999",
        ] {
            assert_eq!(parse_event(line), None, "{line}");
        }
    }

    #[rstest::rstest]
    fn a_recorded_move_takes_the_vip_away_and_brings_it_back(
        #[values("3.10", "4.0", "4.3")] release: &str,
    ) {
        let vip: IpAddr = "192.168.0.200".parse().unwrap();
        let of = |file| fixture(release, "healthy", file).unwrap();
        let mut table = Table::parse(&of("node1.addr.txt"));
        let holds = |table: &Table| table.0.iter().filter(|held| held.address == vip).count();
        let before = table.clone();
        let mut counts = vec![holds(&table)];
        for event in of("node1.monitor.txt").lines().filter_map(parse_event) {
            if table.apply(&event) {
                counts.push(holds(&table));
            }
        }
        assert_eq!(counts, [1, 0, 1]);
        let held = |table: &Table| table.0.iter().collect::<BTreeSet<_>>().len();
        assert_eq!(held(&table), held(&before));
        assert_eq!(holds(&Table::parse(&of("node2.addr.txt"))), 0);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic(text in "(Deleted )?[0-9]: [a-z@]{0,5} (inet6? )?[0-9a-f.:/ \\\\]{0,40}|.{0,80}") {
            parse_event(&text);
            Table::parse(&text);
        }
    }
}
