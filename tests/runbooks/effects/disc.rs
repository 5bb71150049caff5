//! What stands on a host's disc: the cookie and the data of its node.

use crate::cluster::{Cluster, Life};
use rmqtop::invocation::cookie::CookieVerb;
use rmqtop::model::name::{DataPath, Stamp};

/// Only what was sealed changes anything; it is the members' cookie.
pub(super) fn cookie(cluster: &mut Cluster, on: usize, verb: &CookieVerb) {
    match verb {
        CookieVerb::Open { .. } => {
            assert_eq!(cluster.lives[on], Life::Down, "a cookie under a runtime");
            cluster.odd_cookies.retain(|odd| *odd != on);
        }
        CookieVerb::Take { .. } | CookieVerb::Key => {}
    }
}

/// What the node held is gone with its directory.
pub(super) fn set_aside(cluster: &mut Cluster, on: usize, dir: &DataPath, stamp: &Stamp) {
    assert_eq!(cluster.lives[on], Life::Down, "data under a runtime");
    cluster.laden.retain(|laden| *laden != on);
    cluster.stale.retain(|stale| *stale != on);
    cluster.aside.push((on, dir.aside(stamp)));
}
