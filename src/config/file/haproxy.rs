//! Owns what the file says of a HAProxy: where its statistics are, and with which credentials and
//! whose certificate they are read. Reads nothing but the file's own words.

use super::words::OneOrMany;
use super::{Fault, SecretKeys, secret};
use crate::config::{Login, Page};
use crate::model::inventory::{Access, BalancerEntry};
use crate::model::name::HostName;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHaproxy {
    stats: Option<Spanned<String>>,
    socket: Option<Spanned<String>>,
    backend: Option<String>,
    ca_file: Option<Spanned<PathBuf>>,
    username: Option<Spanned<String>>,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
    password_command: Option<OneOrMany>,
}

/// The load balancer of a host, and how its page is read.
pub(super) fn validate(
    raw: Spanned<RawHaproxy>,
    (host, access): (&HostName, Access),
    folder: &Path,
) -> Result<(BalancerEntry, Page), Fault> {
    let at = raw.span().start;
    let haproxy = raw.into_inner();
    let fault = |message: String| Fault { at, message };
    // Statistics that nobody could read would never be seen, and never be missed.
    let lack = match (&haproxy.stats, &haproxy.socket, access) {
        (None, None, _) => Some("has neither stats nor socket"),
        (None, Some(_), Access::None) => {
            Some("has a socket, but the host has no ssh to read it with")
        }
        (Some(_), _, _) | (None, Some(_), Access::Ssh | Access::Local) => None,
    };
    if let Some(lack) = lack {
        let message = format!("haproxy of host `{host}` {lack}; give stats, or socket with ssh");
        return Err(fault(message));
    }
    let has_password = haproxy.password_env.is_some()
        || haproxy.password_file.is_some()
        || haproxy.password_command.is_some();
    if has_password && haproxy.username.is_none() {
        let message = format!("haproxy of host `{host}` has a password, but no username");
        return Err(fault(message));
    }
    haproxy.validate(folder)
}

impl RawHaproxy {
    fn validate(self, folder: &Path) -> Result<(BalancerEntry, Page), Fault> {
        if let Some(url) = &self.stats {
            check_url(url)?;
        }
        if let Some(socket) = &self.socket
            && (!socket.get_ref().starts_with('/') || socket.get_ref().contains([',', '!']))
        {
            let message = format!(
                "haproxy.socket is `{}`; expected an absolute path such as /run/haproxy/admin.sock",
                socket.get_ref()
            );
            return Err(Fault {
                at: socket.span().start,
                message,
            });
        }
        self.check_page()?;
        let keys: SecretKeys = (self.password_env, self.password_file, self.password_command);
        let login = self.username.map(|username| {
            let at = username.span().start;
            let username = username.into_inner();
            secret(keys, folder, at, &username).map(|password| Login { username, password })
        });
        let page = Page {
            ca_file: self.ca_file.map(|path| folder.join(path.into_inner())),
            login: login.transpose()?,
        };
        let entry = BalancerEntry {
            backend: self.backend,
            stats_url: self.stats.map(Spanned::into_inner),
            socket: self.socket.map(Spanned::into_inner),
        };
        Ok((entry, page))
    }

    /// What is said of the page must be of use for it.
    fn check_page(&self) -> Result<(), Fault> {
        let url = self.stats.as_ref().map(|url| url.get_ref().as_str());
        if let Some(file) = &self.ca_file
            && !url.is_some_and(|url| url.starts_with("https://"))
        {
            let message = "haproxy.ca_file is for a statistics page over https; give stats = \
                           \"https://…\", or leave it out";
            return Err(Fault {
                at: file.span().start,
                message: message.to_owned(),
            });
        }
        let Some(username) = &self.username else {
            return Ok(());
        };
        let message = match url {
            None => "haproxy.username is for the statistics page; give stats",
            Some(url) if url.contains('@') => {
                "haproxy.stats and haproxy.username both name a user; keep haproxy.username"
            }
            Some(_) => return Ok(()),
        };
        Err(Fault {
            at: username.span().start,
            message: message.to_owned(),
        })
    }
}

fn check_url(url: &Spanned<String>) -> Result<(), Fault> {
    let text = url.get_ref();
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(());
    }
    let message =
        format!("haproxy.stats is `{text}`; expected a URL such as http://192.168.0.12:8100/stats");
    Err(Fault {
        at: url.span().start,
        message,
    })
}
