//! Owns the clients of the simulated cluster: they come by way of the VIP, stay where they landed,
//! and come again when their connection breaks.

use std::time::Duration;

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Connected: through whose HAProxy, to which broker.
    Landed {
        /// The load balancer's host.
        through: usize,
        /// The broker.
        on: usize,
    },
    /// Without service; tries again at this time.
    Seeking(Duration),
}

impl Client {
    /// On which broker it is.
    pub fn broker(self) -> Option<usize> {
        match self {
            Self::Landed { on, .. } => Some(on),
            Self::Seeking(_) => None,
        }
    }
}
