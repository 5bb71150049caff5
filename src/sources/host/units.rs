//! Owns the reading of `systemctl show` for a host's services, and of what listens there.

use crate::model::host::{Exit, ServiceLife, ServiceReport, UnitState};
use crate::model::observation::{FailureKind, SourceFailure};
use crate::model::text::Shown;
use crate::remote::outcome::Output;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// The properties of one unit.
type Unit<'a> = BTreeMap<&'a str, &'a str>;

/// Reads the blocks of the units, one after the other, and the lines that follow them. Without a
/// state for each unit systemd said nothing.
pub(super) fn parse(output: &Output) -> Result<ServiceReport, SourceFailure> {
    let mut units: Vec<Unit<'_>> = Vec::new();
    let mut uptime = None;
    let mut sockets: Option<Vec<SocketAddr>> = None;
    let mut fresh = true;
    for line in output.stdout.lines() {
        let Some((key, value)) = line.split_once('=') else {
            fresh = true;
            continue;
        };
        match key {
            "uptime" => uptime = value.parse::<f64>().ok(),
            "sockets" => sockets = Some(Vec::new()),
            "listens" => {
                if let (Some(known), Some(at)) = (&mut sockets, socket(value)) {
                    known.push(at);
                }
            }
            _ => {
                if std::mem::take(&mut fresh) {
                    units.push(Unit::new());
                }
                if let Some(unit) = units.last_mut() {
                    unit.insert(key, value);
                }
            }
        }
    }
    let states: Option<Vec<UnitState>> = units.iter().map(state).collect();
    let Some([broker, haproxy, ..]) = states.as_deref() else {
        let words = output.stderr.lines().next().unwrap_or("it said too little");
        let text = format!("systemctl show: {words}");
        return Err(SourceFailure::new(FailureKind::Server, text));
    };
    let known = units.first().filter(|unit| is_there(unit));
    Ok(ServiceReport {
        rabbitmq: Some(broker.clone()),
        haproxy: Some(haproxy.clone()),
        runtimes: None,
        broker: known.map(|unit| life(unit, uptime)),
        listening: sockets,
        start_log: Vec::new(),
    })
}

fn is_there(unit: &Unit<'_>) -> bool {
    unit.get("LoadState")
        .is_none_or(|load| *load != "not-found")
}

fn state(unit: &Unit<'_>) -> Option<UnitState> {
    if is_there(unit) {
        unit.get("ActiveState").map(|word| UnitState::parse(word))
    } else {
        Some(UnitState::Other(Shown::new("not found")))
    }
}

fn life(unit: &Unit<'_>, uptime: Option<f64>) -> ServiceLife {
    let word = |key: &str| Shown::new(unit.get(key).copied().unwrap_or_default());
    let number = |key: &str| unit.get(key)?.parse::<i64>().ok();
    // A start that goes through several steps began when the unit was last down.
    let began = if unit.get("ActiveState") == Some(&"activating") {
        "InactiveExitTimestampMonotonic"
    } else {
        "StateChangeTimestampMonotonic"
    };
    let how = match number("ExecMainCode") {
        Some(1) => Some("exited"),
        Some(2) => Some("killed"),
        Some(3) => Some("dumped"),
        _ => None,
    };
    // Of a process that runs there is no end yet.
    let over = number("ExecMainExitTimestampMonotonic").is_some_and(|at| at > 0);
    let exit = how.filter(|_| over).map(|how| Exit {
        how: Shown::new(how),
        status: number("ExecMainStatus")
            .and_then(|status| status.try_into().ok())
            .unwrap_or_default(),
    });
    ServiceLife {
        sub_state: word("SubState"),
        result: word("Result"),
        restarts: number("NRestarts")
            .and_then(|count| count.try_into().ok())
            .unwrap_or_default(),
        exit,
        since: number(began).and_then(|at| age(uptime?, at)),
        start_limit: unit.get("TimeoutStartUSec").and_then(|text| span(text)),
    }
}

/// How long ago something was, `at` microseconds after the boot of a host that is `uptime`
/// seconds up.
fn age(uptime: f64, at: i64) -> Option<Duration> {
    let uptime = Duration::try_from_secs_f64(uptime).ok()?;
    let at = u64::try_from(at).ok().filter(|at| *at > 0)?;
    Some(uptime.saturating_sub(Duration::from_micros(at)))
}

/// Reads systemd's `1min 30s`; `None` for `infinity`.
fn span(text: &str) -> Option<Duration> {
    let mut whole = Duration::ZERO;
    for word in text.split_whitespace() {
        let digits = word.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = word.split_at(digits);
        let seconds = match unit {
            "us" => 0.000_001,
            "ms" => 0.001,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        whole += Duration::try_from_secs_f64(number * seconds).ok()?;
    }
    Some(whole)
}

/// `0.0.0.0:22`, `[::]:22`, `*:22`, `127.0.0.1%lo:53`.
fn socket(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.rsplit_once(':')?;
    let address = address.trim_matches(['[', ']']);
    let address = address.split('%').next().unwrap_or(address);
    let address = if address == "*" { "::" } else { address };
    Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{parse, span};
    use crate::model::host::UnitState;
    use crate::remote::outcome::Output;
    use std::net::SocketAddr;
    use std::time::Duration;

    /// As systemd 252 and 257 print it: not in the order in which it was asked for.
    const LOOP: &str = "Type=notify\nTimeoutStartUSec=10min\nExecMainExitTimestampMonotonic=61000000\n\
        ExecMainCode=1\nExecMainStatus=1\nNRestarts=4\nResult=exit-code\nLoadState=loaded\n\
        ActiveState=activating\nSubState=auto-restart\nStateChangeTimestampMonotonic=61000000\n\
        InactiveExitTimestampMonotonic=61000000\n\n\
        LoadState=not-found\nActiveState=inactive\nSubState=dead\n\
        uptime=65.5 \nsockets=known\nlistens=0.0.0.0:22\nlistens=*:5672\nlistens=[::]:25672\n";

    fn output(stdout: &str) -> Output {
        Output {
            code: Some(0),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        }
    }

    #[test]
    fn a_service_between_two_lives_is_read() {
        let report = parse(&output(&LOOP.replace("65.5 ", "65.5"))).unwrap();
        assert_eq!(report.rabbitmq, Some(UnitState::Activating));
        assert_eq!(report.haproxy.unwrap().word(), "not found");
        let life = report.broker.unwrap();
        assert_eq!((life.restarts, life.sub_state.raw()), (4, "auto-restart"));
        assert_eq!(life.exit.unwrap().words(), "exited with 1");
        assert_eq!(life.since, Some(Duration::from_millis(4500)));
        assert_eq!(life.start_limit, Some(Duration::from_secs(600)));
        let ports: Vec<u16> = report
            .listening
            .unwrap()
            .iter()
            .map(SocketAddr::port)
            .collect();
        assert_eq!(ports, [22, 5672, 25672]);
    }

    #[test]
    fn what_was_not_said_is_not_known() {
        let two = "ActiveState=active\n\nActiveState=inactive\n";
        let report = parse(&output(two)).unwrap();
        assert_eq!(report.listening, None);
        assert_eq!(report.broker.unwrap().exit, None);
        parse(&output("ActiveState=active\n")).unwrap_err();
        parse(&output("")).unwrap_err();
    }

    #[test]
    fn spans_are_read_as_systemd_writes_them() {
        assert_eq!(span("1min 30s"), Some(Duration::from_secs(90)));
        assert_eq!(span("1h"), Some(Duration::from_secs(3600)));
        assert_eq!(span("infinity"), None);
    }
}
