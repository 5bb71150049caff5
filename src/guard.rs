//! Owns the mode and the permit: the one place where a permit to change a cluster can be made.
//!
//! `Permit` has no public field and no constructor but `permit`, so that in monitor mode there is
//! no value with which `remote::Operate` or `executor` could be called:
//!
//! ```compile_fail,E0451
//! let forged = rmqtop::guard::Permit { digest: String::new(), ignored: Vec::new() };
//! ```
//!
//! ```compile_fail,E0061
//! async fn sneak(hand: &dyn rmqtop::remote::Operate, change: &rmqtop::invocation::Change) {
//!     hand.change(change, std::time::Duration::from_secs(1)).await;
//! }
//! ```

use crate::action::Tier;
use crate::config::AccessRule;
use crate::runbook::plan::Plan;
use std::fmt;

/// Whether this session may change anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Nothing, and why.
    Monitor(ReadOnly),
    /// What is confirmed.
    Operate,
}

/// Why a session may only watch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadOnly {
    /// By a flag or the `monitor` command.
    #[error("this session is read-only: it was started with --read-only or as `rmqtop monitor`")]
    Session,
    /// By the configuration, which no flag overrides.
    #[error("the configuration marks the cluster {cluster} as read_only")]
    Cluster {
        /// Which cluster.
        cluster: String,
    },
}

/// What the command line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// `--read-only`, or `rmqtop monitor`.
    Watch,
    /// `--write`, or nothing.
    Operate,
}

impl Mode {
    /// The mode of a session on `cluster`. The configuration wins over the command line.
    pub fn of(wish: Wish, rule: AccessRule, cluster: &str) -> Self {
        match (rule, wish) {
            (AccessRule::ReadOnly, _) => Self::Monitor(ReadOnly::Cluster {
                cluster: cluster.to_owned(),
            }),
            (AccessRule::ReadWrite, Wish::Watch) => Self::Monitor(ReadOnly::Session),
            (AccessRule::ReadWrite, Wish::Operate) => Self::Operate,
        }
    }
}

/// Whether carrying the plan out was asked for at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execute {
    /// `--execute`, or the action's key and a yes.
    Yes,
    /// Only the plan is wanted.
    No,
}

/// What the operator said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// Whether to carry it out.
    pub execute: Execute,
    /// Names typed, or given with `--confirm`, as they are.
    pub typed: Vec<String>,
}

/// Why no permit is given. Nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Monitor mode.
    #[error(transparent)]
    ReadOnly(#[from] ReadOnly),
    /// Only the plan was asked for.
    #[error("nothing was done: --execute is missing")]
    NotExecuted,
    /// The answer was no.
    #[error("not confirmed: the answer was not yes")]
    Declined,
    /// A name must be typed and was not.
    #[error("not confirmed: needs {}", asked(.needs))]
    NotConfirmed {
        /// What is missing.
        needs: Vec<Need>,
    },
    /// A name was typed, but another is needed.
    #[error("`{}` does not confirm this: needs {}", .given.escape_debug(), asked(.needs))]
    WrongName {
        /// What was typed.
        given: String,
        /// What is missing.
        needs: Vec<Need>,
    },
}

/// A name that must be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// The node acted on.
    Node(String),
    /// The cluster's name in the configuration.
    Cluster(String),
}

impl Need {
    /// The text to type.
    pub fn name(&self) -> &str {
        match self {
            Self::Node(name) | Self::Cluster(name) => name,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--confirm {}", self.name())
    }
}

fn asked(needs: &[Need]) -> String {
    let words: Vec<String> = needs.iter().map(ToString::to_string).collect();
    words.join(" ")
}

/// A permit to run exactly one plan.
#[derive(Debug)]
pub struct Permit {
    digest: String,
    ignored: Vec<String>,
}

impl Permit {
    /// The digest of the plan it covers.
    pub fn plan(&self) -> &str {
        &self.digest
    }

    /// Names that were typed and not asked for; worth a note.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Whether it covers `plan`, whole and unchanged.
    pub fn covers(&self, plan: &Plan) -> bool {
        self.digest == plan.digest()
    }
}

/// The names that confirm `plan`, besides `Execute::Yes`.
pub fn needs(plan: &Plan) -> Vec<Need> {
    let cluster = || Need::Cluster(plan.cluster.clone());
    let node = plan
        .action
        .node()
        .map(|node| Need::Node(node.as_str().to_owned()));
    match plan.action.tier() {
        Tier::Change => Vec::new(),
        Tier::Disrupt => vec![node.unwrap_or_else(cluster)],
        Tier::Destroy => node.into_iter().chain([cluster()]).collect(),
    }
}

/// Gives the permit to run `plan`.
///
/// # Errors
///
/// Denied in monitor mode, without the wish to execute, and without every name that its tier
/// asks for, typed exactly.
pub fn permit(plan: &Plan, mode: &Mode, confirmation: &Confirmation) -> Result<Permit, Denied> {
    if confirmation.execute == Execute::No {
        return Err(Denied::NotExecuted);
    }
    if let Mode::Monitor(reason) = mode {
        return Err(reason.clone().into());
    }
    let mut ignored = confirmation.typed.clone();
    let mut missing = Vec::new();
    for need in needs(plan) {
        match ignored.iter().position(|typed| typed == need.name()) {
            Some(at) => {
                ignored.remove(at);
            }
            None => missing.push(need),
        }
    }
    match (missing.is_empty(), ignored.first()) {
        (true, _) => Ok(Permit {
            digest: plan.digest(),
            ignored,
        }),
        (false, Some(given)) => Err(Denied::WrongName {
            given: given.clone(),
            needs: missing,
        }),
        (false, None) => Err(Denied::NotConfirmed { needs: missing }),
    }
}
