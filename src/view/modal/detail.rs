//! Owns the detail of one thing: everything known about it, with the evidence. Covers the pane.

mod policy;

use super::super::Drawn;
use super::super::format;
use super::super::paint;
use super::super::scene::Scene;
use super::super::text;
use super::super::theme::Role;
use super::super::words;
use super::{Lines, scrolled};
use crate::app::focus::Subject;
use crate::app::modal::Scroll;
use crate::app::rows::{self, known_servers};
use crate::findings::Finding;
use crate::model::balancer::ServerRow;
use crate::model::host::AddressFlaw;
use crate::model::name::{HostName, NodeName};
use crate::model::observation::SourceId;
use crate::model::path::MatchBasis;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;
use std::net::IpAddr;

/// Draws the detail.
pub fn draw(
    buf: &mut Buffer,
    body: Rect,
    scene: &Scene<'_>,
    (subject, scroll): (&Subject, Scroll),
) -> Drawn {
    let mut title = vec![
        Span::styled(subject.to_string(), scene.bold(Role::Title)),
        scene.span(Role::Dim, "  esc goes back"),
    ];
    if scene.app.node_of(subject).is_some() || matches!(subject, Subject::Policy { .. }) {
        title.push(scene.span(Role::Accent, "  a"));
        title.push(scene.span(Role::Dim, " actions"));
    }
    let inside = paint::frame(buf, body, scene, Role::Frame, title);
    let mut page = Page {
        scene: scene.clone(),
        columns: usize::from(inside.width),
        lines: Vec::new(),
    };
    match subject {
        Subject::Node(node) => page.node(node),
        Subject::Server { backend, name, .. } => page.server(backend, name),
        Subject::Vip(address) => page.vip(*address),
        Subject::Balancer(host) | Subject::Host(host) => page.host(host),
        Subject::Policy { .. } => page.policy(subject),
        Subject::Finding { .. } => page.finding(subject),
        Subject::Clients => page.clients(),
        // A run has a face of its own.
        Subject::Run(_) => {}
    }
    Drawn {
        scroll_limit: scrolled(buf, inside, scene, (page.lines, scroll)),
        cursor: None,
    }
}

/// Lines being written.
struct Page<'a> {
    scene: Scene<'a>,
    columns: usize,
    lines: Lines,
}

impl Page<'_> {
    fn heading(&mut self, words: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Vec::new());
        }
        let style = self.scene.bold(Role::Title);
        self.lines.push(vec![Span::styled(words.to_owned(), style)]);
    }

    fn say(&mut self, role: Role, words: &str) {
        for line in text::wrap(words, self.columns.saturating_sub(2)) {
            self.lines
                .push(vec![Span::raw("  "), self.scene.span_raw(role, line)]);
        }
    }

    fn fact(&mut self, label: &str, value: Vec<Span<'static>>) {
        let mut spans = vec![self.scene.span(Role::Dim, format!("  {label:<26}"))];
        spans.extend(value);
        self.lines.push(spans);
    }

    fn figure(&mut self, label: &str, value: Option<String>) {
        let value = vec![self.scene.figure(value)];
        self.fact(label, value);
    }

    fn node(&mut self, name: &NodeName) {
        let model = &self.scene.app.model;
        let view = model.node(name, self.scene.at);
        self.heading("State");
        let mark = self.scene.mark(&self.scene.node_mark(&view));
        self.fact("state", mark);
        for why in &view.evidence {
            self.say(Role::Text, why);
        }
        let since = self.scene.app.changes.state_since(name);
        if let Some(since) = since {
            let age = format::age(self.scene.at.since(since));
            self.figure("since", Some(format!("{age} ago")));
        }
        self.heading("Facts");
        self.figure("version", view.version.map(ToString::to_string));
        self.figure("type", view.node_type.map(|kind| kind.to_string()));
        let draining = view
            .draining
            .map(|yes| if yes { "yes" } else { "no" }.to_owned());
        self.figure("in maintenance", draining);
        let stats = view.stats;
        let bytes = |value: Option<u64>| value.map(format::bytes);
        self.figure("memory used", bytes(stats.and_then(|s| s.memory_used)));
        self.figure("memory limit", bytes(stats.and_then(|s| s.memory_limit)));
        self.figure("disk free", bytes(stats.and_then(|s| s.disk_free)));
        self.figure("disk limit", bytes(stats.and_then(|s| s.disk_free_limit)));
        let count = |value: Option<u64>| value.map(format::count);
        self.figure("descriptors", count(stats.and_then(|s| s.fd_used)));
        self.figure("descriptor limit", count(stats.and_then(|s| s.fd_total)));
        self.figure("processes", count(stats.and_then(|s| s.proc_used)));
        self.figure("run queue", count(stats.and_then(|s| s.run_queue)));
        let uptime = stats
            .and_then(|s| s.uptime_ms)
            .map(|ms| format::age(std::time::Duration::from_millis(ms)));
        self.figure("uptime", uptime);
        self.heading("Behind these servers");
        let servers: Vec<(HostName, ServerRow)> = model
            .inventory
            .balancers()
            .flat_map(|(host, _)| {
                let known = known_servers(model, &host.name).into_iter();
                known.map(|known| (host.name.clone(), known.server.clone()))
            })
            .filter(|(on, server)| {
                let behind = model.member_behind(on, server);
                behind.is_some_and(|(n, _)| n == name)
            })
            .collect();
        if servers.is_empty() {
            self.say(Role::Dim, "none that is known");
        }
        for (host, server) in &servers {
            self.server_line(host, server);
        }
        self.findings_about(name.as_str(), name.short());
        if let Some(host) = view.host {
            self.sources(&host.name.clone());
        }
    }

    fn server_line(&mut self, host: &HostName, server: &ServerRow) {
        let mut spans = self.scene.mark(&self.scene.server_mark(host, server));
        if let Some(check) = words::check(server) {
            spans.push(self.scene.span_raw(Role::Dim, format!("  {check}")));
        }
        if self.scene.app.model.balancer(host, self.scene.at).is_none() {
            spans.push(
                self.scene
                    .span(Role::Unknown, "  not so now: the last answer is too old"),
            );
        }
        self.fact(&format!("{} on {host}", server.name), spans);
    }

    fn server(&mut self, backend: &str, name: &str) {
        let model = &self.scene.app.model;
        let hosts: Vec<HostName> = model
            .inventory
            .balancers()
            .map(|(h, _)| h.name.clone())
            .collect();
        for host in hosts {
            self.heading(&format!("On {host}"));
            let known = known_servers(&self.scene.app.model, &host);
            let known = known.iter().find(|known| known.is(backend, name));
            let Some(server) = known.map(|known| known.server.clone()) else {
                self.say(Role::Dim, "not known there");
                continue;
            };
            self.server_line(&host, &server);
            self.figure("status", Some(server.state()));
            if let Some(by) = server.kept_out_by() {
                self.figure("kept out", Some(by));
            }
            self.figure("backend", Some(backend.to_owned()));
            self.figure("address", server.address.as_ref().map(ToString::to_string));
            let matched = self.scene.app.model.member_behind(&host, &server);
            let node = matched.map(|(node, basis)| {
                let how = match basis {
                    MatchBasis::Address => "by its address",
                    MatchBasis::Name => "by its name only: its address is not known",
                };
                format!("{node}, matched {how}")
            });
            self.figure("node", node);
            self.figure("sessions", server.sessions.map(format::count));
            self.figure("weight", server.weight.map(format::count));
            self.figure(
                "check says",
                server.check_text.as_ref().map(ToString::to_string),
            );
            let since = server
                .last_change_s
                .map(|s| format::age(std::time::Duration::from_secs(s)));
            self.figure("unchanged for", since);
        }
        self.findings_about(name, name);
    }

    fn vip(&mut self, address: IpAddr) {
        let view = self.scene.app.model.vip(address, self.scene.at);
        self.heading("Verdict");
        let mark = self.scene.mark(&words::vip(view.verdict));
        self.fact("verdict", mark);
        for why in &view.evidence {
            self.say(Role::Text, why);
        }
        self.heading("Hosts");
        let names = |hosts: &[HostName]| {
            let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        self.figure("held by", names(&view.holders));
        self.figure("expected on", view.expected.map(|host| host.to_string()));
        self.figure("could take over", names(&view.standbys));
        self.figure("not known", names(&view.unknown));
        for (host, why) in &view.unusable {
            self.say(
                Role::Warn,
                &format!("listed on {host}, not usable: it is {why}"),
            );
        }
        self.findings_about(&address.to_string(), &address.to_string());
    }

    fn host(&mut self, host: &HostName) {
        let model = &self.scene.app.model;
        let services = model.service(host, self.scene.at);
        self.heading("Services");
        let names = model.inventory.host(host).map(|entry| &entry.services);
        let units = names.map(|names| {
            [
                (&names.broker, services.and_then(|s| s.rabbitmq.as_ref())),
                (&names.haproxy, services.and_then(|s| s.haproxy.as_ref())),
            ]
        });
        for (name, unit) in units.into_iter().flatten() {
            let mark = self.scene.mark(&words::unit(unit));
            self.fact(name.as_str(), mark);
        }
        if let Some(names) = names {
            let daemon = model.keepalived(host, self.scene.at).map(|r| &r.daemon);
            let mark = self.scene.mark(&words::daemon(daemon));
            self.fact(names.keepalived.as_str(), mark);
        }
        self.heading("Addresses");
        let addresses = model.address(host, self.scene.at);
        match addresses {
            None => self.say(Role::Unknown, "not known now"),
            Some(report) => {
                for held in &report.addresses {
                    let mut words = format!("{}  {}/{}", held.interface, held.address, held.prefix);
                    if let Some(flaw) = held.flaw().filter(|flaw| *flaw != AddressFlaw::Loopback) {
                        words = format!("{words}  {}", flaw.words());
                    }
                    self.say(Role::Text, &words);
                }
            }
        }
        self.vrrp(host);
        self.findings_about(host.as_str(), host.as_str());
        self.sources(host);
    }

    fn vrrp(&mut self, host: &HostName) {
        let model = &self.scene.app.model;
        let report = model.vrrp.get(host).and_then(|reading| reading.last());
        let Some(report) = report else {
            return;
        };
        let config = match &report.config {
            Ok(config) => config,
            Err(failure) => {
                self.heading("keepalived.conf");
                return self.say(Role::Unknown, failure.message.as_str());
            }
        };
        for instance in &config.instances {
            self.heading(&format!("VRRP instance {}", instance.name));
            let state = instance.initial_state.as_ref();
            self.figure("initial state", state.map(ToString::to_string));
            let priority = instance.priority.map(|p| match instance.priorities() {
                Some((low, high)) if low != high => format!("{p} ({low} to {high} by its checks)"),
                _ => p.to_string(),
            });
            self.figure("priority", priority);
            self.figure("router id", instance.router_id.map(|p| p.to_string()));
            let interface = instance.interface.as_ref();
            self.figure("interface", interface.map(ToString::to_string));
            let addresses: Vec<String> =
                instance.addresses.iter().map(ToString::to_string).collect();
            self.figure("addresses", Some(addresses.join(", ")));
            let preempts = if instance.nopreempt { "yes" } else { "no" };
            self.figure("nopreempt", Some(preempts.to_owned()));
            let group = instance.group.as_ref();
            self.figure("sync group", group.map(ToString::to_string));
        }
        for gap in &config.gaps {
            self.say(Role::Warn, gap.as_str());
        }
    }

    fn clients(&mut self) {
        let model = &self.scene.app.model;
        self.heading("Totals");
        let at = self.scene.at;
        let objects = model.current_totals(at).map(|totals| totals.objects);
        let (connections, queues) = (model.connection_count(at), model.queue_count(at));
        self.figure("connections", connections.map(format::count));
        self.figure(
            "channels",
            objects.and_then(|o| o.channels).map(format::count),
        );
        self.figure(
            "consumers",
            objects.and_then(|o| o.consumers).map(format::count),
        );
        self.figure("queues", queues.map(format::count));
    }

    fn finding(&mut self, subject: &Subject) {
        let found = rows::finding(&self.scene.app.findings, subject);
        match found {
            Some(finding) => self.one_finding(&finding.clone()),
            None => self.say(Role::Ok, "this is not so any more"),
        }
    }

    fn one_finding(&mut self, finding: &Finding) {
        let mark = words::finding(finding);
        for line in text::wrap(&finding.title, self.columns.saturating_sub(2)) {
            let style = self.scene.bold(mark.role);
            self.lines.push(vec![Span::styled(line, style)]);
        }
        let word = format!(
            "{} {} about {}",
            finding.severity, finding.id, finding.subject
        );
        self.lines.push(vec![self.scene.span_raw(Role::Dim, word)]);
        self.heading("What it rests on");
        for why in &finding.evidence {
            self.say(Role::Text, why);
        }
        if !finding.causes.is_empty() {
            self.heading("Why, and what next");
            for cause in &finding.causes {
                self.say(Role::Text, cause);
            }
        }
        if let Some(runbook) = &finding.runbook {
            self.heading("What answers it");
            let key = self.scene.span(Role::Accent, "  a");
            let name = self.scene.span_raw(Role::Text, format!(" {runbook}"));
            self.lines.push(vec![key, name]);
        }
    }

    fn findings_about(&mut self, subject: &str, host: &str) {
        let found: Vec<Finding> = self
            .scene
            .app
            .findings
            .iter()
            .filter(|finding| finding.subject == subject || finding.subject == host)
            .cloned()
            .collect();
        if found.is_empty() {
            return;
        }
        self.heading("Findings");
        for finding in &found {
            let mut spans = vec![Span::raw("  ")];
            spans.extend(self.scene.mark(&words::finding(finding)));
            self.lines.push(spans);
        }
    }

    /// How every source of a host fares.
    fn sources(&mut self, host: &HostName) {
        self.heading("Sources");
        let sources: Vec<(SourceId, Option<String>, Option<String>)> = self
            .scene
            .app
            .model
            .sources
            .iter()
            .filter(|(source, _)| source.host == *host)
            .map(|(source, status)| {
                let age = status
                    .answered_at
                    .map(|at| format::age(self.scene.at.since(at)));
                (
                    source.clone(),
                    age,
                    status.failure.as_ref().map(ToString::to_string),
                )
            })
            .collect();
        for (source, age, failure) in sources {
            let age = age.map_or_else(|| "never answered".to_owned(), |age| format!("{age} ago"));
            let mut spans = vec![self.scene.span_raw(Role::Text, age)];
            if let Some(failure) = failure {
                spans.push(self.scene.span_raw(Role::Warn, format!("  {failure}")));
            }
            let label = source.kind.to_string().replace('_', " ");
            self.fact(&label, spans);
        }
    }
}
