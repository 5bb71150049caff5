//! Owns what an operator may name: a destination of `ssh`, or the URL of a management API. And the
//! destination of another host that is likely reached in the same way.

use crate::config::Scheme;
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use std::fmt;
use std::net::IpAddr;

/// Where a discovery begins.
#[derive(Debug, Clone)]
pub enum Target {
    /// A host, over SSH; `local` is this machine.
    Ssh(Destination),
    /// A management API.
    Api(ApiTarget),
}

/// A management API, by its URL.
#[derive(Debug, Clone)]
pub struct ApiTarget {
    /// Whether it is reached with TLS.
    pub is_https: bool,
    /// Host, as written.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path below which `/api` is, without trailing slash.
    pub prefix: String,
    /// The user that the URL names.
    pub user: Option<String>,
    /// The password that the URL holds. It is used, and written nowhere.
    pub password: Option<SecretString>,
}

/// A destination of `ssh`: `host`, `user@host` or `ssh://user@host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    text: String,
    /// Everything before the host.
    head: String,
    /// The host.
    pub host: String,
    /// Everything behind it.
    tail: String,
}

/// Why a target is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text}: {why}; expected an SSH destination such as root@192.168.0.12, or a management URL such as http://monitor@192.168.0.12:15672"
)]
pub struct TargetError {
    text: String,
    why: String,
}

impl ApiTarget {
    /// How it is reached.
    pub fn scheme(&self) -> Scheme {
        if self.is_https {
            Scheme::Https
        } else {
            Scheme::Http
        }
    }
}

impl Target {
    /// A target of the command line.
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let fault = |text: &str, why: &str| TargetError {
            text: text.to_owned(),
            why: why.to_owned(),
        };
        if !text.starts_with("http://") && !text.starts_with("https://") {
            // Neither is repeated: it may hold a password.
            if text.contains("://") && !text.starts_with("ssh://") {
                return Err(fault("the URL", "only http, https and ssh are understood"));
            }
            let rest = text.strip_prefix("ssh://").unwrap_or(text);
            let user = rest.rsplit_once('@').map(|(user, _)| user);
            if user.is_some_and(|user| user.contains(':')) {
                return Err(fault("the destination", "ssh takes no password there"));
            }
            let destination = Destination::parse(text);
            return destination.map(Self::Ssh).map_err(|why| fault(text, why));
        }
        // What is said of it must not say a password.
        let url: reqwest::Url = text
            .parse()
            .map_err(|_error| fault("the URL", "it cannot be read"))?;
        let is_https = url.scheme() == "https";
        let host = url.host_str().unwrap_or_default().to_owned();
        let usual = if is_https { 15671 } else { 15672 };
        let has_port = url.port().is_some() || text.contains(":80/") || text.contains(":443/");
        let port = url.port_or_known_default().filter(|_| has_port);
        let path = url.path().trim_end_matches('/');
        let prefix = path.strip_suffix("/api").unwrap_or(path).to_owned();
        let decoded = |word: &str| percent_decode_str(word).decode_utf8_lossy().into_owned();
        Ok(Self::Api(ApiTarget {
            is_https,
            host,
            port: port.unwrap_or(usual),
            prefix,
            user: Some(url.username())
                .filter(|user| !user.is_empty())
                .map(decoded),
            password: url.password().map(|word| SecretString::from(decoded(word))),
        }))
    }
}

impl Destination {
    /// # Errors
    ///
    /// Why `ssh` would not take it for one.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let is_word = |c: char| !c.is_whitespace() && !c.is_control();
        if text.is_empty() || text.starts_with('-') || !text.chars().all(is_word) {
            return Err("not an SSH destination");
        }
        let scheme = if text.starts_with("ssh://") {
            "ssh://"
        } else {
            ""
        };
        let rest = text.strip_prefix(scheme).unwrap_or(text);
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (format!("{user}@"), rest),
            None => (String::new(), rest),
        };
        let (host, tail) = match rest.split_once([':', '/']) {
            Some((host, _)) if !scheme.is_empty() && !rest.starts_with('[') => {
                (host, rest.get(host.len()..).unwrap_or_default())
            }
            _ => (rest, ""),
        };
        if host.is_empty() {
            return Err("it names no host");
        }
        Ok(Self {
            text: text.to_owned(),
            head: format!("{scheme}{user}"),
            host: host.to_owned(),
            tail: tail.to_owned(),
        })
    }

    /// This machine.
    pub fn is_local(&self) -> bool {
        self.text == "local"
    }

    /// The same login on another host.
    #[must_use]
    pub fn at(&self, host: &str) -> Self {
        let head = if self.is_local() { "" } else { &self.head };
        Self {
            text: format!("{head}{host}{}", self.tail),
            head: head.to_owned(),
            host: host.to_owned(),
            tail: self.tail.clone(),
        }
    }

    /// How another host is likely reached: by its name if this one was named, else by its address;
    /// then the other way.
    pub fn siblings(&self, name: &str, address: Option<IpAddr>) -> Vec<Self> {
        let by_name = self.at(name);
        let by_address = address.map(|address| self.at(&address.to_string()));
        if self.host.parse::<IpAddr>().is_ok() {
            by_address.into_iter().chain([by_name]).collect()
        } else {
            [by_name].into_iter().chain(by_address).collect()
        }
    }

    /// As it is given to `ssh`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Target;
    use secrecy::ExposeSecret;

    fn ssh(text: &str) -> super::Destination {
        match Target::parse(text) {
            Ok(Target::Ssh(destination)) => destination,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_others_are_reached_as_the_first_was() {
        let rows = [
            ("root@192.168.0.12", "root@192.168.0.14"),
            (
                "ssh://root@192.168.0.12:2222",
                "ssh://root@192.168.0.14:2222",
            ),
            ("mq1", "rabbit-node2"),
            ("ops@mq1", "ops@rabbit-node2"),
        ];
        let address = Some("192.168.0.14".parse().unwrap());
        for (first, other) in rows {
            let siblings = ssh(first).siblings("rabbit-node2", address);
            assert_eq!(siblings[0].as_str(), other);
            assert_eq!(siblings.len(), 2);
        }
        assert_eq!(ssh("local").siblings("b", None)[0].as_str(), "b");
        for bad in ["", "-oProxyCommand=x", "a b", "root@"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_url_is_taken_apart_and_its_password_is_never_shown() {
        let api = |text: &str| match Target::parse(text) {
            Ok(Target::Api(api)) => api,
            other => panic!("{other:?}"),
        };
        let full = api("https://mon%40x:p%3Aw@mq.example:8443/rabbit/api/");
        assert_eq!(
            (full.host.as_str(), full.port, full.prefix.as_str()),
            ("mq.example", 8443, "/rabbit")
        );
        assert_eq!(full.user.as_deref(), Some("mon@x"));
        assert_eq!(full.password.as_ref().unwrap().expose_secret(), "p:w");
        assert!(!format!("{full:?}").contains("p:w"));
        let plain = api("http://mq1");
        assert_eq!(
            (plain.port, plain.prefix.as_str(), plain.user),
            (15672, "", None)
        );
        assert_eq!(api("http://mq1:80/").port, 80);
        let bad = [
            "http://u:canary@[",
            "HTTP://u:canary@mq1",
            "amqp://u:canary@mq1",
            "u:canary@mq1:15672",
            "ssh://u:canary@mq1",
        ];
        for text in bad {
            let error = Target::parse(text).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
