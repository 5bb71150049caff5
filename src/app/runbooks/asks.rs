//! Owns what each runbook asks before its plan, and how the answers become an action. Each
//! question begins at its usual answer, so that enter alone gives the usual.

use super::Ground;
use crate::action::{Action, StopManner};
use crate::app::modal::form::{Choice, Fault, Form, FormField};
use crate::model::broker::NodeType;
use crate::model::moment::Moment;
use crate::model::name::{ClusterName, NodeName};
use crate::model::node::NodeState;

/// What an optional member is answered with where any will do.
const ANY: &str = "";

const ASK: &str = "ask";
const KILL: &str = "kill";

/// Asks nothing.
pub(super) fn nothing(_: &Ground<'_>) -> Vec<FormField> {
    Vec::new()
}

impl Ground<'_> {
    /// Every declared or listed node but `but`, with its state.
    pub fn nodes(&self, but: Option<&NodeName>) -> Vec<Choice> {
        let at: Moment = self.app.shown_at(self.now);
        let names = self.app.model.members();
        let others = names.iter().filter(|name| Some(*name) != but);
        others
            .map(|name| {
                let state = self.app.model.node(name, at).state;
                Choice::new(name.as_str(), name.as_str()).noted(state.words())
            })
            .collect()
    }

    fn member_or_any(&self) -> Vec<Choice> {
        let any = Choice::new(ANY, "any member").noted("whichever runs");
        let others = self.nodes(self.node);
        std::iter::once(any).chain(others).collect()
    }
}

fn to(ground: &Ground<'_>) -> FormField {
    FormField::pick("to", "through", ground.member_or_any())
        .help("the member it joins; its own answer decides whether it took place")
}

fn kinds() -> Vec<Choice> {
    [NodeType::Disc, NodeType::Ram]
        .map(|kind| Choice::new(&kind.to_string(), &kind.to_string()))
        .into()
}

fn kind(form: &Form) -> NodeType {
    if form.value("as") == NodeType::Ram.to_string() {
        NodeType::Ram
    } else {
        NodeType::Disc
    }
}

pub(super) fn join(ground: &Ground<'_>) -> Vec<FormField> {
    vec![
        to(ground),
        FormField::pick("as", "as", kinds())
            .help("a RAM member keeps the metadata in memory only (Mnesia, until 4.2)"),
    ]
}

pub(super) fn join_action(form: &Form) -> Result<Action, Fault> {
    Ok(Action::Join {
        node: form.node()?,
        to: form.member("to")?,
        kind: kind(form),
    })
}

pub(super) fn rejoin(ground: &Ground<'_>) -> Vec<FormField> {
    vec![to(ground)]
}

pub(super) fn rejoin_action(form: &Form) -> Result<Action, Fault> {
    Ok(Action::Rejoin {
        node: form.node()?,
        to: form.member("to")?,
    })
}

/// How a node is stopped is a question only where it does not run: one that runs ends when it is asked.
pub(super) fn stop_node(ground: &Ground<'_>) -> Vec<FormField> {
    let at = ground.app.shown_at(ground.now);
    let state = ground
        .node
        .map(|node| ground.app.model.node(node, at).state);
    let manners = vec![
        Choice::new(ASK, "ask it to end"),
        Choice::new(KILL, "kill it").noted("if it has not ended after 30 s"),
    ];
    let field = FormField::pick("manner", "how", manners)
        .help("what a killed node has not written to its disk is lost");
    match state {
        Some(NodeState::Running) | None => Vec::new(),
        Some(NodeState::Hung) => vec![field.holding(KILL)],
        Some(_) => vec![field],
    }
}

pub(super) fn stop_node_action(form: &Form) -> Result<Action, Fault> {
    Ok(Action::StopNode {
        node: form.node()?,
        manner: if form.value("manner") == KILL {
            StopManner::Kill
        } else {
            StopManner::Orderly
        },
    })
}

pub(super) fn forget(ground: &Ground<'_>) -> Vec<FormField> {
    vec![
        FormField::pick("via", "through", ground.member_or_any())
            .help("the member on which the command is run"),
    ]
}

pub(super) fn forget_action(form: &Form) -> Result<Action, Fault> {
    Ok(Action::Forget {
        node: form.node()?,
        via: form.member("via")?,
    })
}

pub(super) fn forget_offline(ground: &Ground<'_>) -> Vec<FormField> {
    vec![
        FormField::pick("on", "on the disc of", ground.nodes(ground.node))
            .help("the survivor that stopped last: its disc knows the latest state"),
    ]
}

pub(super) fn forget_offline_action(form: &Form) -> Result<Action, Fault> {
    let node = form.node()?;
    let on = form
        .member("on")?
        .ok_or_else(|| Fault::new("on", "name the survivor"))?;
    if node == on {
        return Err(Fault::new("on", "a lost member cannot be its own survivor"));
    }
    Ok(Action::ForgetOffline { node, on })
}

/// Begins at what the node is not now: nobody asks for what is so already.
pub(super) fn node_type(ground: &Ground<'_>) -> Vec<FormField> {
    let now = ground.app.shown_at(ground.now);
    let is = ground
        .node
        .and_then(|node| ground.app.model.node(node, now).node_type);
    let field = FormField::pick("as", "becomes", kinds());
    let field = match is {
        Some(NodeType::Disc) => field.holding("ram"),
        Some(NodeType::Ram) | None => field,
    };
    vec![field.help("it is reset and joins again; what only it held is lost")]
}

pub(super) fn node_type_action(form: &Form) -> Result<Action, Fault> {
    Ok(Action::NodeType {
        node: form.node()?,
        kind: kind(form),
    })
}

fn cluster_name(text: &str) -> Result<(), String> {
    let parsed = ClusterName::parse(text);
    parsed.map(drop).map_err(|error| error.to_string())
}

pub(super) fn rename(ground: &Ground<'_>) -> Vec<FormField> {
    let is = ground.app.model.cluster_name();
    let field = FormField::text("name", "new name", cluster_name)
        .help("how the brokers call the cluster; federation and shovels may rely on it");
    vec![match is {
        Some(name) => field.holding(name.as_str()),
        None => field,
    }]
}

pub(super) fn rename_action(form: &Form) -> Result<Action, Fault> {
    let name = ClusterName::parse(form.value("name"))
        .map_err(|error| Fault::new("name", &error.to_string()))?;
    Ok(Action::RenameCluster { name })
}

/// Every member is marked: that is all of them, and is said without naming any.
pub(super) fn rolling(ground: &Ground<'_>) -> Vec<FormField> {
    vec![
        FormField::marks("only", "restarts", ground.nodes(None))
            .all_marked()
            .help("one after the other, the holder of the VIP last"),
    ]
}

pub(super) fn rolling_action(form: &Form) -> Result<Action, Fault> {
    let marked = form.members("only")?;
    if marked.is_empty() {
        return Err(Fault::new("only", "mark at least one member (space)"));
    }
    let is_all = form.is_all_marked("only");
    Ok(Action::RollingRestart {
        only: if is_all { Vec::new() } else { marked },
    })
}

pub(super) fn cookie(ground: &Ground<'_>) -> Vec<FormField> {
    let at = ground.app.shown_at(ground.now);
    let down: Vec<Choice> = ground
        .nodes(None)
        .into_iter()
        .filter(|choice| {
            NodeName::parse(&choice.value)
                .is_ok_and(|node| ground.app.model.node(&node, at).state != NodeState::Running)
        })
        .collect();
    if down.is_empty() {
        return Vec::new();
    }
    vec![
        FormField::marks("nodes", "nodes", down)
            .help("none marked: every stopped node whose cookie differs"),
    ]
}

pub(super) fn cookie_action(form: &Form) -> Result<Action, Fault> {
    Ok(Action::CookieAlign {
        nodes: form.members("nodes")?,
    })
}
