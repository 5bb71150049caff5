//! Owns how an operator stops a run: the first wish lets the step in flight end, the second
//! leaves at once. Where nothing was sent yet, the first leaves too.

use super::event::RunId;
use tokio::sync::watch;

/// A run from its confirmation on, before anything of it is prepared: which one it is, and how it
/// is stopped.
#[derive(Debug, Clone)]
pub struct RunHandle {
    /// Which run.
    pub id: RunId,
    /// How it is stopped.
    pub controller: Controller,
}

impl RunHandle {
    /// The handle of the run `id`, and the run's own end.
    pub fn new(id: RunId) -> (Self, Control) {
        let (controller, control) = channel();
        (Self { id, controller }, control)
    }
}

/// What the operator wants of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// To go on.
    No,
    /// To stop after the step in flight.
    AfterStep,
    /// To leave now; the effect of the step in flight will not be known.
    Now,
}

/// The operator's end.
#[derive(Debug, Clone)]
pub struct Controller {
    sender: watch::Sender<Stop>,
}

/// The run's end.
#[derive(Debug, Clone)]
pub struct Control {
    receiver: watch::Receiver<Stop>,
}

/// Both ends. A run whose controller is gone goes on.
pub fn channel() -> (Controller, Control) {
    let (sender, receiver) = watch::channel(Stop::No);
    (Controller { sender }, Control { receiver })
}

impl Controller {
    /// One more interrupt: first after the step, then now. Gives what it amounts to.
    pub fn interrupt(&self) -> Stop {
        let next = match *self.sender.borrow() {
            Stop::No => Stop::AfterStep,
            Stop::AfterStep | Stop::Now => Stop::Now,
        };
        self.raise(next);
        next
    }

    /// SIGTERM and SIGHUP: as the first interrupt, however often they come.
    pub fn terminate(&self) {
        self.raise(Stop::AfterStep);
    }

    /// Whether the run has ended, however it did.
    pub fn is_over(&self) -> bool {
        self.sender.is_closed()
    }

    fn raise(&self, to: Stop) {
        self.sender.send_modify(|stop| *stop = (*stop).max(to));
    }
}

impl Control {
    /// What is wanted now.
    pub fn wish(&self) -> Stop {
        *self.receiver.borrow()
    }

    /// Ends when the operator wants this much, or more; never, if nobody does.
    pub async fn wanted(&self, least: Stop) {
        let mut receiver = self.receiver.clone();
        if receiver.wait_for(|stop| *stop >= least).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
