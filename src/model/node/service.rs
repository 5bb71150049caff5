//! Owns what a host says of its broker: the questions that the table of states puts to it, and it in
//! words.

use crate::model::host::{ServiceLife, UnitState};
use crate::model::text::Shown;
use std::time::Duration;

/// What a host says of its broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// systemd's word.
    pub unit: Option<UnitState>,
    /// How the service fares beyond that.
    pub life: Option<ServiceLife>,
    /// Whether a runtime of the node's name is registered in epmd.
    pub runtime: Option<bool>,
    /// Whether something listens on its AMQP port.
    pub listens: Option<bool>,
    /// How often systemd started it again by itself.
    pub restarts: u32,
    /// It was started again twice while we looked, the last time just now.
    pub in_loop: bool,
    /// How long it has been in its state.
    pub since: Option<Duration>,
    /// What its log says of its latest start.
    pub log: Vec<Shown>,
}

impl Service {
    /// Whether it was started again twice while we looked, and may end any moment.
    pub fn is_in_loop(&self) -> bool {
        self.in_loop
    }

    /// Whether it ended and is being started again.
    pub fn restarts(&self) -> bool {
        let life = self.life.as_ref();
        let waits = life.is_some_and(|life| life.sub_state.raw().starts_with("auto-restart"));
        let ended_badly = life.is_some_and(|life| {
            !matches!(life.result.raw(), "" | "success") && life.exit.is_some()
        });
        waits || (self.boots() && (self.restarts > 0 || ended_badly))
    }

    /// Whether it is on its way up.
    pub fn boots(&self) -> bool {
        self.unit == Some(UnitState::Activating)
    }

    /// Whether its runtime is up.
    pub fn has_runtime(&self) -> bool {
        match self.runtime {
            Some(known) => known,
            None => self.unit.as_ref().is_some_and(UnitState::is_up),
        }
    }

    /// Whether it has no runtime. epmd alone may have forgotten one that works.
    pub fn lacks_runtime(&self) -> bool {
        let unit = self.unit.as_ref().filter(|unit| unit.is_known());
        // Without a unit of that name the port alone tells: it may run under another, or in a container.
        let works = self.listens == Some(true) && unit.is_none_or(UnitState::is_up);
        let known = self.runtime.is_some() || unit.is_some();
        known && !self.has_runtime() && !works
    }

    /// Whether systemd says that it ended, no runtime is registered, and nothing listens: whoever
    /// still counts it among the living has not noticed yet.
    pub fn is_dead(&self) -> bool {
        let ended = matches!(self.unit, Some(UnitState::Inactive | UnitState::Failed));
        ended && self.runtime == Some(false) && self.takes_nobody()
    }

    /// Whether nothing listens on its AMQP port.
    pub fn takes_nobody(&self) -> bool {
        self.listens == Some(false)
    }

    /// Whether something listens on its AMQP port.
    pub fn takes_clients(&self) -> bool {
        self.listens == Some(true)
    }
}

impl Service {
    /// `its service is active (running), its runtime is up, nothing listens on its AMQP port`.
    pub(super) fn words(&self) -> String {
        let unit = self.unit.as_ref().map_or("unknown", UnitState::word);
        let mut words = vec![format!("its service is {unit}")];
        if let Some(life) = &self.life {
            if !life.sub_state.is_empty() && life.sub_state.raw() != unit {
                words = vec![format!("its service is {unit} ({})", life.sub_state)];
            }
            if !matches!(life.result.raw(), "" | "success") {
                words.push(format!("result {}", life.result));
            }
            words.extend(
                life.exit
                    .as_ref()
                    .map(|exit| format!("its process {}", exit.words())),
            );
        }
        match self.restarts {
            0 => {}
            1 => words.push("systemd started it again once".to_owned()),
            many => words.push(format!("systemd started it again {many} times")),
        }
        let runtime = match self.runtime {
            Some(true) => "its runtime is up",
            Some(false) => "no runtime of its name is registered",
            None => "epmd could not be asked",
        };
        words.push(runtime.to_owned());
        words.extend(self.listens.map(|listens| {
            let words = if listens {
                "its AMQP port listens"
            } else {
                "nothing listens on its AMQP port"
            };
            words.to_owned()
        }));
        words.join(", ")
    }
}
