//! rmqtop: a terminal console for a highly available RabbitMQ cluster, the HAProxy pair in front
//! of it, and the keepalived VIP in front of those.
//!
//! # The house
//!
//! Data travels one way; every change to a cluster goes through one door.
//!
//! ```text
//!  hosts, brokers, load balancers
//!    │ read only
//!    ▼
//!  sources ──Observation──▶ model ──&──▶ findings ──&──▶ view ──▶ terminal, SVG
//!                             │                            ▲
//!                             └──&──▶ cli (status, check, watch)
//!  keys ─▶ keymap ─▶ Command ─▶ app::update ─▶ Effect ─▶ tui::runtime
//!                                    │
//!                             Action + &Model
//!                                    ▼
//!                             runbook: Plan | Refusal      pure
//!                                    ▼ confirmed, by value
//!                             guard: Plan + Mode + Confirmation → Permit
//!                                    ▼
//!                             executor: Plan + Permit ─▶ RunEvent* ─▶ journal, app, cli
//!                                    │ the only holder of Operate
//!                                    ▼
//!                             remote
//! ```
//!
//! `tests/architecture.rs` reads the `use` lines and fails where an arrow runs the wrong way.
//!
//! `discover` stands beside it: `rmqtop init` finds what is to be configured, and reads only.
//!
//! - A new **finding** is a file in `findings/` and its line in `findings::CHECKS`.
//! - A new **pane** is a file in `view/pane/`, its rows in `app/rows.rs`, and its line in the
//!   command table, `app/command.rs`.
//! - A new **runbook** is a variant of `action::Action`, a file in `runbook/` with its arm in
//!   `runbook::plan`, and a variant of `cli::runbook::Runbook`.
//! - A new **scenario** of `rmqtop demo` is a variant of `sim::scenario::Scenario` with its
//!   events; it shows under `sources` and `remote` what a real cluster would, and nobody above
//!   knows the difference.
//!
//! # Glossary
//!
//! - **source**: a kind of question put to one host, again and again.
//! - **observation**: what a source saw once, or why it saw nothing.
//! - **reading**: the last good value of a source, with its age and the failures since.
//! - **model**: all that is known; changed by `apply` only.
//! - **finding**: something that is wrong, with subject, evidence, causes, and what answers it.
//! - **action**: something an operator can ask for; **tier**: how much harm it can do.
//! - **plan**: what would be done, announced whole; **step**: one command, or one wait, with what
//!   must hold before and after; **probe**: a question to the cluster whose answer decides.
//! - **preflight**: a named check before a plan is offered; **refusal**: why it is not.
//! - **permit**: the right to run exactly one plan; made in `guard` only.
//! - **run**: a plan being carried out; **record**: the fold of its events; **journal**: where
//!   they are kept.
//! - **member**: a node of the cluster; **VIP**: the virtual address clients use; **holder**: the
//!   host that has it; **standby**: a host that could take it over; **server**: a line of
//!   HAProxy's backend, behind which a member stands.
//! - **pane**: a screen of the console; **modal**: what lies over it; **role**: what a colour means.

pub mod action;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod core_dump;
pub mod discover;
pub mod executor;
pub mod findings;
pub mod guard;
pub mod invocation;
pub mod model;
pub mod remote;
pub mod runbook;
pub mod sim;
pub mod sources;
pub mod syntax;
pub mod tui;
pub mod view;
