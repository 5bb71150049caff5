//! Owns what keepalived's own log says of an instance: the state it last entered, and how each of
//! its checks last ended (`vrrp.c`, `vrrp_scheduler.c`).

use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::text::Shown;
use crate::model::vrrp::{Check, VrrpInstance, VrrpReport};
use std::net::IpAddr;

/// What keepalived logged about an instance.
#[derive(Debug, Clone, Copy)]
pub struct Logged<'m> {
    /// `MASTER`, `BACKUP` or `FAULT`, as last entered.
    pub state: Option<&'m str>,
    log: &'m [Shown],
}

impl VrrpReport {
    /// What the log says of `instance`.
    pub fn logged(&self, instance: &VrrpInstance) -> Logged<'_> {
        let mark = format!("({})", instance.name.raw());
        let state = self.log.iter().rev().map(Shown::raw).find_map(|line| {
            let (_, rest) = line.split_once(&mark)?.1.split_once("Entering ")?;
            rest.split_once(" STATE").map(|(state, _)| state)
        });
        Logged {
            state,
            log: &self.log,
        }
    }
}

impl<'m> Logged<'m> {
    /// Why the instance is in FAULT, as after that; `None` where it is not.
    ///
    /// A check of weight 0 that fails is a FAULT, also where the line that says so is cut off.
    pub fn fault(self, instance: &VrrpInstance) -> Option<String> {
        let is_hard = |check: &&Check| check.weight == 0 || instance.group.is_some();
        let mut hard = instance.checks.iter().filter(is_hard);
        let failed = hard.find_map(|check| {
            let line = self.last(check).filter(|line| !is_success(line))?;
            Some(format!(": its check {} failed (\"{line}\")", check.name))
        });
        match self.state {
            Some("FAULT") => Some(failed.unwrap_or_default()),
            Some(_) => None,
            None => failed,
        }
    }

    /// Whether `check` passes; `None` where its end is not among the lines.
    pub fn passes(self, check: &Check) -> Option<bool> {
        self.last(check).map(is_success)
    }

    fn last(self, check: &Check) -> Option<&'m str> {
        let mark = format!("VRRP_Script({})", check.name.raw());
        let mut lines = self.log.iter().rev().map(Shown::raw);
        lines.find(|line| line.contains(&mark))
    }
}

/// `succeeded`; after a reload `considered successful`, or `considered unsuccessful`.
fn is_success(line: &str) -> bool {
    line.contains(" succeeded") || line.contains(" considered successful")
}

impl Model {
    /// What keepalived's own log says of the instance on `host` that has `address`.
    pub fn logged(&self, host: &HostName, address: IpAddr, now: Moment) -> Option<Logged<'_>> {
        let instance = self.instance(host, address, now)?;
        Some(self.keepalived(host, now)?.logged(instance))
    }
}
