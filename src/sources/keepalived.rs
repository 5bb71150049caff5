//! Owns the questions about keepalived on one host: whether it runs, which links are up, what it
//! logged, and its configuration with everything that includes add.

mod instances;
#[cfg(test)]
mod tests;

use super::{AskOne, Cadence, Reach};
use crate::invocation::Read;
use crate::invocation::keepalived::FilePattern;
use crate::model::name::{HostName, ServiceName};
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceKind};
use crate::model::text::Shown;
use crate::model::vrrp::{Daemon, Link, VrrpConfig, VrrpReport};
use crate::remote::outcome::Output;
use crate::syntax::keepalived::{Files, read};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// From connecting to the last line of one command.
const LIMIT: Duration = Duration::from_secs(4);
/// How long the files are believed.
const CONFIG_AGE: Duration = Duration::from_secs(60);
/// Files within files: what includes ask for is fetched level by level.
const LEVELS: usize = 8;
/// Files of one configuration.
const FILES: usize = 128;

/// keepalived on one host.
#[derive(Debug)]
pub(crate) struct Keepalived {
    reach: Reach,
    service: ServiceName,
    /// The configuration, and when it was read.
    known: Mutex<Option<(Instant, VrrpConfig)>>,
}

impl AskOne for Keepalived {
    const KIND: SourceKind = SourceKind::Keepalived;
    const CADENCE: Cadence = Cadence::with_room(Duration::from_secs(5), LIMIT);

    fn host(&self) -> &HostName {
        &self.reach.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let (state, config) = tokio::join!(self.state(), self.config());
        let mut report = state?;
        report.config = config;
        Ok(Payload::Vrrp(report))
    }
}

impl Keepalived {
    pub(crate) fn new(reach: Reach, service: ServiceName) -> Self {
        Self {
            reach,
            service,
            known: Mutex::default(),
        }
    }

    fn fault(&self, kind: FailureKind, words: &str) -> SourceFailure {
        SourceFailure::new(kind, format!("keepalived of {}: {words}", self.reach.host))
    }

    async fn state(&self) -> Result<VrrpReport, SourceFailure> {
        let service = self.service.clone();
        let link = self.reach.link()?;
        let output = link.read(&Read::KeepalivedState { service }, LIMIT).await?;
        parse_state(&output.stdout).ok_or_else(|| {
            let words = output.stderr.lines().next().unwrap_or("it said too little");
            self.fault(FailureKind::Server, words)
        })
    }

    async fn config(&self) -> Result<VrrpConfig, SourceFailure> {
        if let Some((at, config)) = &*self.known.lock().unwrap_or_else(PoisonError::into_inner)
            && at.elapsed() < CONFIG_AGE
        {
            return Ok(config.clone());
        }
        let config = self.read_files().await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((Instant::now(), config.clone()));
        Ok(config)
    }

    pub(crate) async fn read_files(&self) -> Result<VrrpConfig, SourceFailure> {
        let mut files = Files::default();
        let (mut gaps, mut refused) = (Vec::new(), BTreeSet::new());
        self.fetch(Vec::new(), &mut files, &mut gaps).await?;
        if !files.texts.contains_key(&files.main) {
            let words = format!("{} is not there, or cannot be read", files.main);
            return Err(self.fault(FailureKind::Absent, &words));
        }
        for _ in 0..LEVELS {
            let config = read(&files);
            let asked = config.wanted.iter().filter_map(|include| {
                let pattern = FilePattern::parse(&include.pattern);
                if pattern.is_none() && refused.insert(include.pattern.clone()) {
                    gaps.push(format!("{} is included and not read", include.pattern));
                }
                pattern
            });
            let patterns: Vec<FilePattern> = asked.collect();
            if patterns.is_empty() {
                break;
            }
            if files.texts.len() + patterns.len() > FILES {
                gaps.push("too many files are included".to_owned());
                break;
            }
            self.fetch(patterns, &mut files, &mut gaps).await?;
        }
        let parsed = read(&files);
        let mut config = instances::of(&parsed);
        config.gaps.extend(gaps.iter().map(|gap| Shown::new(gap)));
        Ok(config)
    }

    /// Asks for files, and takes over what came of them.
    async fn fetch(
        &self,
        of: Vec<FilePattern>,
        files: &mut Files,
        gaps: &mut Vec<String>,
    ) -> Result<(), SourceFailure> {
        let link = self.reach.link()?;
        let output = link.read(&Read::KeepalivedFiles { of }, LIMIT).await?;
        take(&output, files, gaps).map_err(|words| self.fault(FailureKind::Server, &words))
    }
}

/// Takes over what `Read::KeepalivedFiles` printed.
fn take(output: &Output, files: &mut Files, gaps: &mut Vec<String>) -> Result<(), String> {
    let (mut pattern, mut file, mut is_whole) = (None, None, false);
    for line in output.stdout.lines() {
        if let Some(line) = line.strip_prefix('|') {
            let text = file.as_ref().and_then(|file| files.texts.get_mut(file));
            if let Some(text) = text {
                text.push_str(line);
                text.push('\n');
            }
            continue;
        }
        match line.split_once(' ').unwrap_or((line, "")) {
            ("id", id) => id.clone_into(&mut files.id),
            ("main", path) => path.clone_into(&mut files.main),
            ("pattern", text) => {
                files.matches.entry(text.to_owned()).or_default();
                pattern = Some(text.to_owned());
            }
            ("file", path) => {
                if let Some(paths) = pattern.as_ref().and_then(|p| files.matches.get_mut(p)) {
                    paths.push(path.to_owned());
                }
                files.texts.insert(path.to_owned(), String::new());
                file = Some(path.to_owned());
            }
            // keepalived does not read what is no plain file either.
            ("skipped", _) => {}
            ("cut", path) => gaps.push(format!("{path} is too long to be read")),
            ("end", _) => is_whole = true,
            _ => return Err("its files came garbled".to_owned()),
        }
    }
    if is_whole {
        return Ok(());
    }
    let words = output.stderr.lines().next();
    Err(words.unwrap_or("its files did not come whole").to_owned())
}

/// `None` where it is not whole.
fn parse_state(text: &str) -> Option<VrrpReport> {
    let mut report = VrrpReport {
        daemon: Daemon::NotFound,
        links: [].into(),
        config: Ok(VrrpConfig::default()),
        log: Vec::new(),
    };
    let (mut load, mut active, mut processes, mut is_whole) = (None, None, None, false);
    for line in text.lines() {
        match line.split_once('=').unwrap_or((line, "")) {
            ("LoadState", word) => load = Some(word),
            ("ActiveState", word) => active = Some(word),
            ("processes", count) => processes = count.parse().ok(),
            ("link", words) => {
                let (name, state) = words.split_once(' ')?;
                let link = match state {
                    "up" | "unknown" => Link::Up,
                    _ => Link::Down,
                };
                report.links.insert(Shown::new(name), link);
            }
            ("log", line) => report.log.push(Shown::new(line)),
            ("end", "") => is_whole = true,
            _ => {}
        }
    }
    report.daemon = Daemon::of(load?, active?, processes?);
    is_whole.then_some(report)
}
