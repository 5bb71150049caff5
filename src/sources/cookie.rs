//! Owns the question what may be known of a host's Erlang cookie: a digest under a salt of this
//! process, which can be compared and nothing else. The cookie itself never leaves its host here.

use super::{AskOne, Cadence, Reach};
use crate::invocation::Read;
use crate::invocation::cookie::Salt;
use crate::model::cookie::{CookieDigest, CookieReport, Obstacle};
use crate::model::name::HostName;
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceKind};
use crate::remote::outcome::Output;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(6);

/// The cookie of one host.
#[derive(Debug)]
pub(crate) struct CookieOfHost {
    pub(crate) reach: Reach,
    /// The same for all hosts, or their digests could not be compared.
    pub(crate) salt: Salt,
}

impl AskOne for CookieOfHost {
    const KIND: SourceKind = SourceKind::Cookie;
    const CADENCE: Cadence = Cadence::on_demand(LIMIT);

    fn host(&self) -> &HostName {
        &self.reach.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let salt = self.salt.clone();
        let read = Read::CookieDigest { salt };
        let output = self.reach.link()?.read(&read, LIMIT).await?;
        parse(&output).map(Payload::Cookie).ok_or_else(|| {
            // What it printed is not told: part of it is made from a secret.
            let words = output
                .stderr
                .lines()
                .next()
                .unwrap_or("it printed nothing that could be understood");
            let text = format!("the Erlang cookie of {}: {words}", self.reach.host);
            SourceFailure::new(FailureKind::Server, text)
        })
    }
}

/// `None` where it says neither that there is a cookie nor that there is none.
fn parse(output: &Output) -> Option<CookieReport> {
    let mut report = CookieReport {
        digest: None,
        is_private: false,
        obstacles: vec![Obstacle::NoOpenssl],
    };
    let mut told = false;
    for line in output.stdout.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "openssl" => report.obstacles.clear(),
            "overridden" => report.obstacles.push(Obstacle::Overridden),
            "none" => told = true,
            "file" => {
                report.is_private = matches!(
                    rest,
                    "rabbitmq 400 regular file" | "rabbitmq 600 regular file"
                );
            }
            "digest" => {
                report.digest = Some(CookieDigest::parse(rest.trim())?);
                told = true;
            }
            _ => {}
        }
    }
    told.then_some(report)
}

#[cfg(test)]
mod tests {
    use super::{Obstacle, parse};
    use crate::remote::outcome::Output;

    fn output(stdout: &str) -> Output {
        Output {
            code: Some(0),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        }
    }

    /// As a Debian host with a fresh package answers.
    #[test]
    fn a_cookie_is_told_without_being_told() {
        let digest = "5e".repeat(32);
        let text = format!("openssl\nfile rabbitmq 400 regular file\ndigest {digest}\n");
        let report = parse(&output(&text)).unwrap();
        assert!(report.is_private && report.obstacles.is_empty());
        assert!(report.digest.is_some());
        assert!(!format!("{report:?}").contains("5e5e"));

        let open = text.replace("400", "644");
        assert!(!parse(&output(&open)).unwrap().is_private);
        let none = parse(&output("overridden\nnone\n")).unwrap();
        assert_eq!(none.digest, None);
        assert_eq!(none.obstacles, [Obstacle::NoOpenssl, Obstacle::Overridden]);
    }

    #[test]
    fn an_answer_cut_short_is_none() {
        for text in ["", "openssl\n", "file rabbitmq 400 regular file\ndigest \n"] {
            assert_eq!(parse(&output(text)), None, "{text:?}");
        }
    }
}
