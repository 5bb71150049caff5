//! Owns `rmqtop init`: asks what a discovery left open, where somebody is there to answer, and
//! writes the entry into the configuration, whole or not at all. Changes nothing else anywhere.

mod place;

use super::output::{progress, say};
use super::{Common, outcome, select};
use crate::config::file;
use crate::discover::cluster::Start;
use crate::discover::entry::{self, Choices, PASSWORD_ENV};
use crate::discover::target::TargetError;
use crate::discover::{Found, Target, find};
use crate::invocation::quoted;
use anyhow::{Context, bail};
use clap::Args;
use place::{Place, write_whole};
use secrecy::SecretString;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Every key of the configuration with its documentation.
const EXAMPLE: &str = include_str!("init/example.toml");

/// Options of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// SSH destinations (root@192.168.0.12, `local`) or management URLs of the cluster; one broker's
    /// host is enough, load balancers on hosts of their own are named as well
    #[arg(value_name = "TARGET", required_unless_present = "example")]
    pub targets: Vec<String>,
    /// Given to `ssh -F`; otherwise the user's own
    #[arg(long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
    /// User of the management API [default: the one of the URL, else guest]
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// Where to write it; `-` for standard output [default: the configuration file]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Ask nothing
    #[arg(long)]
    pub yes: bool,
    /// Print every key of the configuration with its documentation, and do nothing else
    #[arg(long)]
    pub example: bool,
}

/// Discovers and writes.
pub async fn run(args: &InitArgs, common: &Common) -> anyhow::Result<u8> {
    if args.example {
        io::stdout().write_all(EXAMPLE.as_bytes())?;
        return Ok(0);
    }
    let targets = match targets(args) {
        Ok(targets) => targets,
        Err(error) => {
            say(format!("error: {error}"));
            return Ok(outcome::USAGE);
        }
    };
    let place = Place::of(args.output.as_ref(), common)?;
    let before = place.text()?;
    let ssh_config = args
        .ssh_config
        .as_deref()
        .map(std::path::absolute)
        .transpose()?;
    if let Some(path) = &ssh_config
        && !path.is_file()
    {
        bail!("there is no file {} for ssh -F", path.display());
    }
    let start = Start {
        password: password(args, &targets)?,
        targets,
        ssh_config: ssh_config.clone(),
        user: args.username.clone(),
    };
    progress("looking for the cluster (read only)…");
    let found = find(&start).await?;
    tell(&found);
    let (choices, is_new) = choose(&place, &before, (&found, args), (common, ssh_config))?;
    let (text, changes) = entry::into_text(&before, &found, &choices)
        .with_context(|| format!("{place} cannot be changed"))?;
    // Nothing is written that could not be read again.
    let checked = file::parse(place.path(), &text);
    checked.context("what was found makes no configuration; nothing was written")?;
    finish(&place, (&before, &text), &changes, args)?;
    if is_new {
        advise(&found, &choices);
    }
    if let Place::File(path) = &place {
        say(format!(
            "\nthe console: {}",
            console(path, &choices.name, common)
        ));
    }
    Ok(0)
}

/// What the entry is called and who logs in, and whether it is a new one.
fn choose(
    place: &Place,
    before: &str,
    (found, args): (&Found, &InitArgs),
    (common, ssh_config): (&Common, Option<PathBuf>),
) -> anyhow::Result<(Choices, bool)> {
    let standing = entry::standing(place.path(), before, found)
        .context("the configuration that stands there must be mended first")?;
    let chosen = common.cluster.clone();
    let standing = standing.filter(|(name, _)| chosen.as_ref().is_none_or(|it| it == name));
    let is_new = standing.is_none();
    let (name, username) = if let Some(entry) = standing {
        entry
    } else {
        let name = chosen.unwrap_or_else(|| entry_name(found));
        if entry::is_taken(before, &name) {
            bail!(
                "{place} has a cluster {name} already, and none of its nodes is where these were \
                 found: give this one a name of its own, --cluster NAME"
            );
        }
        (name, username(args, found)?)
    };
    let choices = Choices {
        name,
        username,
        ssh_config,
    };
    Ok((choices, is_new))
}

/// The password of the management API, for the discovery alone; asked for where a URL was named
/// without one.
fn password(args: &InitArgs, targets: &[Target]) -> anyhow::Result<Option<SecretString>> {
    if let Ok(password) = std::env::var(PASSWORD_ENV) {
        return Ok(Some(SecretString::from(password)));
    }
    let wants = targets.iter().find_map(|target| match target {
        Target::Api(api) if api.password.is_none() => Some(api),
        Target::Api(_) | Target::Ssh(_) => None,
    });
    let Some(api) = wants.filter(|_| !args.yes && is_attended()) else {
        return Ok(None);
    };
    let user = args.username.as_ref().or(api.user.as_ref());
    let user = user.map_or("guest", String::as_str);
    let question = format!(
        "password of {user} at {} (it is written nowhere): ",
        api.host
    );
    let answer = rpassword::prompt_password(question).context("no password was given")?;
    Ok(Some(SecretString::from(answer)))
}

/// What was named. Not taken apart by the parser of the command line: that repeats what it cannot
/// read, and a URL may hold a password.
fn targets(args: &InitArgs) -> Result<Vec<Target>, TargetError> {
    args.targets
        .iter()
        .map(|text| Target::parse(text))
        .collect()
}

/// What was found, and what was not.
fn tell(found: &Found) {
    let store = match found.is_khepri {
        Some(true) => " · khepri",
        Some(false) => " · mnesia",
        None => "",
    };
    let version = found
        .version
        .as_deref()
        .unwrap_or("of a release that is not known");
    let name = found.name.as_deref().unwrap_or("a cluster");
    say(format!("{name}: RabbitMQ {version}{store}"));
    for host in &found.hosts {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(host.node.as_ref().map(ToString::to_string));
        parts.extend(host.balancer.as_ref().map(|_| "HAProxy".to_owned()));
        parts.extend(host.keepalived.then(|| "keepalived".to_owned()));
        let way = match (&host.ssh, host.sudo) {
            (Some(ssh), true) => format!("ssh {ssh}, with sudo"),
            (Some(ssh), false) => format!("ssh {ssh}"),
            (None, _) => "no SSH".to_owned(),
        };
        say(format!("  {}  {}  ({way})", host.name, parts.join(", ")));
    }
    for vip in &found.vips {
        say(format!("  VIP {vip}"));
    }
    let unreached = found
        .hosts
        .iter()
        .filter_map(|host| host.unreached.as_ref())
        .map(|(_, why)| why);
    let gaps: Vec<&String> = unreached.chain(&found.gaps).collect();
    if !gaps.is_empty() {
        say("what could not be learnt:");
        for gap in gaps {
            say(format!("  {gap}"));
        }
    }
}

/// The cluster's own name where it can stand in a command without quotes.
fn entry_name(found: &Found) -> String {
    let own = found.name.as_deref().unwrap_or_default();
    let own = own.split('@').next_back().unwrap_or_default();
    let plain: String = own
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "_-.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    let plain = plain.replace('.', "-");
    if plain.trim_matches('-').is_empty() {
        "rabbitmq".to_owned()
    } else {
        plain
    }
}

fn username(args: &InitArgs, found: &Found) -> anyhow::Result<String> {
    let told = args.username.clone().or_else(|| found.user.clone());
    match told {
        Some(name) => Ok(name),
        None if args.yes || !is_attended() => {
            say(
                "the API user is guest, for none was named; a broker lets guest in from its own host only: --username NAME",
            );
            Ok("guest".to_owned())
        }
        None => {
            let users = found.users.iter().flatten();
            let fitting = users
                .filter(|(name, tags)| name != "guest" && tags.iter().any(|tag| is_enough(tag)));
            let proposed = fitting
                .map(|(name, _)| name.as_str())
                .next()
                .unwrap_or("monitor");
            ask(
                &format!("user of the management API [{proposed}]: "),
                proposed,
            )
        }
    }
}

fn is_enough(tag: &str) -> bool {
    matches!(tag, "monitoring" | "administrator")
}

fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// An empty answer is the default; the end of the input is a no to all of it.
fn ask(question: &str, default: &str) -> anyhow::Result<String> {
    write!(io::stderr().lock(), "{question}")?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        bail!("no answer; nothing was written");
    }
    let answer = answer.trim();
    Ok(if answer.is_empty() { default } else { answer }.to_owned())
}

fn finish(
    place: &Place,
    (before, text): (&str, &str),
    changes: &[String],
    args: &InitArgs,
) -> anyhow::Result<()> {
    let path = match place {
        Place::Stdout(_) => {
            io::stdout().write_all(text.as_bytes())?;
            return Ok(());
        }
        Place::File(path) => path,
    };
    if before == text {
        say(format!(
            "{place} says all of it already: nothing was changed"
        ));
        tell_changes(changes);
        return Ok(());
    }
    say(format!("changes of {place}:"));
    tell_changes(changes);
    if !args.yes && is_attended() {
        let answer = ask("write it? [Y/n] ", "y")?;
        if !answer.to_lowercase().starts_with('y') {
            bail!("nothing was written");
        }
    }
    write_whole(path, text).with_context(|| format!("failed to write {place}; it is as it was"))?;
    say(format!("written: {place}"));
    Ok(())
}

fn tell_changes(changes: &[String]) {
    for change in changes {
        say(format!("  {change}"));
    }
}

/// Which user is to be made, and how its password is given.
fn advise(found: &Found, choices: &Choices) {
    let user = quoted(&choices.username);
    let known = found
        .users
        .as_ref()
        .and_then(|users| users.iter().find(|(name, _)| *name == choices.username));
    match known {
        Some((_, tags)) if tags.iter().any(|tag| is_enough(tag)) => {}
        Some((_, tags)) => {
            // The command sets all of them.
            let mut tags: Vec<String> = tags.iter().map(|tag| quoted(tag)).collect();
            tags.push("monitoring".to_owned());
            let tags = tags.join(" ");
            say(format!(
                "\nthe user {user} lacks the tag monitoring; on a broker's host:"
            ));
            say(format!("  rabbitmqctl set_user_tags {user} {tags}"));
        }
        None if found.users.is_some() => {
            say(format!(
                "\nthere is no user {user} yet; on a broker's host:"
            ));
            say(format!(
                "  rabbitmqctl add_user {user}        # it asks for the password"
            ));
            say(format!("  rabbitmqctl set_user_tags {user} monitoring"));
            for vhost in found.vhosts.iter().flatten() {
                let vhost = quoted(vhost);
                say(format!(
                    "  rabbitmqctl set_permissions -p {vhost} {user} '^$' '^$' '^$'"
                ));
            }
        }
        None => say(format!(
            "\nthe user {user} needs the tag monitoring, and permissions to see the queues of each virtual host"
        )),
    }
    say("\nthe password is not in the file; give it in one of three ways:");
    let ways = [
        (format!("export {PASSWORD_ENV}=…"), "as the entry says"),
        (
            "password_file = \"FILE\"".to_owned(),
            "instead of password_env; mode 0600",
        ),
        (
            "password_command = \"pass show mq\"".to_owned(),
            "instead of password_env; its first line",
        ),
    ];
    for (way, words) in ways {
        say(format!("  {way:36} {words}"));
    }
}

fn console(path: &Path, cluster: &str, common: &Common) -> String {
    let is_default = select::default_path().is_ok_and(|default| default == path);
    let mut words = "rmqtop".to_owned();
    if !is_default || common.config.is_some() {
        words.push_str(" --config ");
        words.push_str(&quoted(&path.to_string_lossy()));
    }
    format!("{words} --cluster {}", quoted(cluster))
}

#[cfg(test)]
mod tests {
    use super::{EXAMPLE, entry_name};
    use crate::config::file;
    use crate::discover::Found;
    use std::path::Path;
    use toml_edit::{DocumentMut, Item, Table, Value};

    /// The keys that the strict parser knows in a table of the example: it names them where it meets
    /// one that resembles none.
    fn known(document: &DocumentMut, path: &[&str]) -> Vec<String> {
        let mut document = document.clone();
        let mut table: &mut dyn toml_edit::TableLike = document.as_table_mut();
        for key in path {
            let item = table.get_mut(key).unwrap();
            table = if item.is_array_of_tables() {
                item.as_array_of_tables_mut().unwrap().get_mut(0).unwrap()
            } else {
                item.as_table_like_mut().unwrap()
            };
        }
        table.insert("zzzzzzzzzzzz", Item::Value(Value::from(1)));
        let error = file::parse(Path::new("x"), &document.to_string()).unwrap_err();
        let text = error.to_string();
        let (_, keys) = text.split_once("known keys here: ").expect("it names them");
        keys.split(", ").map(str::to_owned).collect()
    }

    fn keys_of(text: &str) -> Vec<String> {
        let lines = text.lines().map(|line| line.trim_start_matches(['#', ' ']));
        let keys = lines
            .filter_map(|line| line.split_once(" = "))
            .map(|(key, _)| key.to_owned());
        keys.collect()
    }

    #[test]
    fn the_example_is_a_configuration_with_every_key_there_is() {
        file::parse(Path::new("/etc/rmqtop.toml"), EXAMPLE).unwrap();
        let document: DocumentMut = EXAMPLE.parse().unwrap();
        let tables: [(&[&str], &str); 6] = [
            (&[], ""),
            (&["clusters", "prod"], "[clusters.prod]"),
            (
                &["clusters", "prod", "management"],
                "[clusters.prod.management]",
            ),
            (&["clusters", "prod", "canary"], "[clusters.prod.canary]"),
            (&["clusters", "prod", "hosts"], "[[clusters.prod.hosts]]"),
            (
                &["clusters", "prod", "hosts", "haproxy"],
                "[clusters.prod.hosts.haproxy]",
            ),
        ];
        for (path, head) in tables {
            let (_, part) = EXAMPLE.split_once(head).unwrap();
            let part = part.split("\n[").next().unwrap();
            let told = keys_of(part);
            for key in known(&document, path) {
                let heads = [format!("{key}]"), format!("[{key}.")];
                let is_table = heads.iter().any(|head| EXAMPLE.contains(head));
                assert!(
                    is_table || told.contains(&key),
                    "{key} is missing below {head}"
                );
            }
        }
        let services: &Table = document["clusters"]["prod"]["hosts"][0].as_table().unwrap();
        assert_eq!(services["services"].as_inline_table().unwrap().len(), 3);
    }

    #[test]
    fn the_entry_is_called_as_the_cluster_where_that_needs_no_quotes() {
        let of = |name: &str| {
            entry_name(&Found {
                name: Some(name.to_owned()),
                ..Found::default()
            })
        };
        assert_eq!(of("my_rabbitmq_cluster"), "my_rabbitmq_cluster");
        assert_eq!(of("rabbit@mq1.example.org"), "mq1-example-org");
        assert_eq!(of("mq prod/1"), "mq-prod-1");
        assert_eq!(of("é"), "rabbitmq");
    }
}
