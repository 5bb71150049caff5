//! Owns what the hosts of the simulated cluster print when they are asked: the texts of `ip`,
//! `systemctl`, `epmd`, `rabbitmqctl` and the scripts of `invocation`, from the cluster as it is.
//! Pure.

mod broker;
mod disc;
mod front;

use super::stats::{self, Asked};
use super::world::{Reply, VIP, World, sealed};
use crate::invocation::Read;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What comes of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// This.
    Reply(Reply),
    /// Nothing, for as long as one cares to wait.
    Nothing,
}

/// What the host of this place answers.
pub(super) fn answer(world: &World, at: usize, read: &Read) -> Said {
    let hangs = world.host(at).is_some_and(|host| host.broker.hangs);
    Said::Reply(match read {
        Read::Addresses => Reply::says(addresses(world, at)),
        // A stream is no answer; `door` tells what changes.
        Read::WatchAddresses => return Said::Nothing,
        Read::UnitStates { .. } => Reply::says(broker::units(world, at)),
        Read::Runtimes => Reply::says(broker::runtimes(world, at)),
        Read::HaproxyStatistics { .. } => front::or_refused(stats::page(world, at, Asked::Socket)),
        Read::HaproxyLevel { .. } => {
            let runs = world.host(at).and_then(|host| host.front());
            front::or_refused(runs.map(|_| "admin\n\n".to_owned()))
        }
        Read::KeepalivedFiles { of } => Reply::says(front::files(world, at, of)),
        Read::KeepalivedState { .. } => Reply::says(front::state(world, at)),
        Read::ClusterStatus { .. } | Read::Definitions { .. } if hangs => return Said::Nothing,
        Read::ClusterStatus { node } => broker::status(world, node),
        Read::Definitions { node } => broker::definitions(world, node),
        Read::NodeFiles { .. } => Reply::says(disc::files(world, at)),
        Read::StartLog { .. } => Reply::says(disc::log(world, at)),
        Read::Ping { node } => broker::ping(world, at, node),
        Read::Nothing => Reply::done(),
        // Nobody looks for what is simulated: it is declared.
        Read::Surroundings | Read::HaproxyFiles | Read::Users { .. } | Read::BrokerFacts { .. } => {
            Reply::says("")
        }
        Read::Names { of } => broker::names(world, of),
        Read::CookieDigest { .. } => Reply::says(digest(world, at, read)),
        Read::SealedCookie { .. } => {
            Reply::says(sealed(world.host(at).map_or(0, |host| host.cookie)))
        }
        Read::DataSettings { .. } => Reply::says("Environment=\n"),
        Read::DataDirectory { .. } => Reply::says(disc::directory(world, at)),
    })
}

fn addresses(world: &World, at: usize) -> String {
    let own = world
        .host(at)
        .map_or_else(String::new, |host| host.address.to_string());
    let mut text = format!(
        "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n\
         2: eth0    inet {own}/24 brd 192.168.0.255 scope global eth0\\       valid_lft forever preferred_lft forever\n"
    );
    if world.holders().any(|holder| holder == at) {
        text += &vip_line();
        text += "\n";
    }
    text
}

/// The line of the VIP, as `ip` prints it.
pub(super) fn vip_line() -> String {
    format!(
        "2: eth0    inet {VIP}/32 scope global proto keepalived eth0\\       valid_lft forever preferred_lft forever"
    )
}

/// The same for the same cookie under the same salt.
fn digest(world: &World, at: usize, read: &Read) -> String {
    let cookie = world.host(at).map_or(0, |host| host.cookie);
    let words = (0..4_u8).map(|part| {
        let mut hasher = DefaultHasher::new();
        (read, cookie, part).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    });
    format!(
        "openssl\nfile rabbitmq 400 regular file\ndigest {}\n",
        words.collect::<String>()
    )
}
