//! Owns HAProxy's statistics as CSV: the columns of a release up to the one that ends what they all
//! have, with the figures of the simulated cluster. The page leaves the servers' addresses out, the
//! runtime socket tells them.

use super::world::{AGE, BACKEND, Balancer, FALL, Met, RISE, Release, Server, World};
use crate::invocation::haproxy::ServerState;
use std::collections::BTreeMap;
use std::time::Duration;

/// HAProxy 2.6, as beside RabbitMQ 3.10, up to the column `-`.
const COLUMNS: &str = "pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_check_status,agg_check_status";

/// What 3.0 and 3.2, beside 4.0 and 4.3, have more.
const LATER: &str = "srid,sess_other,h1sess,h2sess,h3sess,req_other,h1req,h2req,h3req,proto";

fn columns(release: Release) -> impl Iterator<Item = &'static str> {
    let later = (release != Release::R310).then_some(LATER);
    let later = later.into_iter().flat_map(|text| text.split(','));
    COLUMNS.split(',').chain(later).chain(["-"])
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The page.
    Page,
    /// The runtime socket.
    Socket,
}

/// The statistics of the HAProxy of this place; `None`: it does not run.
pub(super) fn page(world: &World, at: usize, asked: Asked) -> Option<String> {
    let balancer = world.host(at)?.front()?;
    let sessions: Vec<usize> = (0..balancer.servers.len())
        .map(|broker| world.sessions(at, broker))
        .collect();
    let all: usize = sessions.iter().sum();
    let header: Vec<&str> = columns(world.release()).collect();
    let mut lines = vec![format!("# {},", header.join(","))];
    let servers = balancer.servers.iter().enumerate().map(|(place, server)| {
        let count = sessions.get(place).copied().unwrap_or_default();
        server_cells(world, (place, server), count, asked)
    });
    let own = backend(world, balancer, all, asked);
    let rows = std::iter::once(frontend(balancer, all))
        .chain(servers)
        .chain([own, monitor()]);
    lines.extend(rows.map(|cells| line(world.release(), cells)));
    Some(lines.join("\n") + "\n")
}

/// The proxy of the page itself.
fn monitor() -> Cells {
    vec![
        ("pxname", "monitor".to_owned()),
        ("svname", "FRONTEND".to_owned()),
        ("status", "OPEN".to_owned()),
        ("type", "0".to_owned()),
        ("scur", "1".to_owned()),
        ("slim", "2000".to_owned()),
        ("mode", "http".to_owned()),
    ]
}

type Cells = Vec<(&'static str, String)>;

fn line(release: Release, cells: Cells) -> String {
    let cells: BTreeMap<&str, String> = cells.into_iter().collect();
    let row: Vec<&str> = columns(release)
        .map(|column| match column {
            "-" => "-",
            _ => cells.get(column).map_or("", String::as_str),
        })
        .collect();
    row.join(",") + ","
}

fn frontend(balancer: &Balancer, sessions: usize) -> Cells {
    vec![
        ("pxname", BACKEND.to_owned()),
        ("svname", "FRONTEND".to_owned()),
        ("status", "OPEN".to_owned()),
        ("type", "0".to_owned()),
        ("scur", sessions.to_string()),
        ("slim", balancer.limit.to_string()),
        ("stot", balancer.total.to_string()),
        ("rate", "0".to_owned()),
        ("mode", "tcp".to_owned()),
    ]
}

fn backend(world: &World, balancer: &Balancer, sessions: usize, asked: Asked) -> Cells {
    let used = balancer
        .servers
        .iter()
        .filter(|server| server.is_used())
        .count();
    let mut cells = vec![
        ("pxname", BACKEND.to_owned()),
        ("svname", "BACKEND".to_owned()),
        ("status", if used > 0 { "UP" } else { "DOWN" }.to_owned()),
        ("type", "1".to_owned()),
        ("scur", sessions.to_string()),
        ("slim", "200".to_owned()),
        ("stot", balancer.total.to_string()),
        ("weight", used.to_string()),
        ("act", used.to_string()),
        ("bck", "0".to_owned()),
        ("lastchg", since(world, Duration::ZERO)),
        ("mode", "tcp".to_owned()),
    ];
    if asked == Asked::Socket {
        cells.push(("algo", "roundrobin".to_owned()));
    }
    cells
}

fn since(world: &World, at: Duration) -> String {
    let age = world.now().saturating_sub(at);
    let age = if at == Duration::ZERO { AGE + age } else { age };
    age.as_secs().to_string()
}

fn server_cells(
    world: &World,
    (place, server): (usize, &Server),
    sessions: usize,
    asked: Asked,
) -> Cells {
    let (code, text, detail) = match server.met {
        Met::Open => ("L4OK", "Layer4 check passed", ""),
        Met::Refused => ("L4CON", "Layer4 connection problem", "Connection refused"),
        Met::NoRoute => ("L4CON", "Layer4 connection problem", "No route to host"),
    };
    let is_checked = server.admin != ServerState::Maint;
    let health = if server.up {
        RISE + FALL - 1 - server.against
    } else {
        server.against
    };
    let mut cells = vec![
        ("pxname", BACKEND.to_owned()),
        ("svname", format!("mq-node{}", place + 1)),
        ("status", status(server)),
        ("type", "2".to_owned()),
        ("scur", sessions.to_string()),
        ("stot", server.total.to_string()),
        ("lbtot", server.total.to_string()),
        ("weight", "1".to_owned()),
        ("act", "1".to_owned()),
        ("bck", "0".to_owned()),
        ("chkfail", server.failed.to_string()),
        ("chkdown", server.downs.to_string()),
        ("lastchg", since(world, server.changed)),
        ("downtime", "0".to_owned()),
        ("mode", "tcp".to_owned()),
        ("check_rise", RISE.to_string()),
        ("check_fall", FALL.to_string()),
        ("check_health", health.to_string()),
    ];
    if is_checked {
        cells.push(("check_status", code.to_owned()));
        cells.push(("check_duration", "0".to_owned()));
        cells.push(("last_chk", detail.to_owned()));
        cells.push(("check_desc", text.to_owned()));
    }
    let address = world
        .host(place)
        .map(|host| format!("{}:5672", host.address));
    if let Some(address) = address.filter(|_| asked == Asked::Socket) {
        cells.push(("addr", address));
    }
    cells
}

/// HAProxy's word, with how far the checks have come where they contradict it.
fn status(server: &Server) -> String {
    match (server.admin, server.up, server.against) {
        (ServerState::Maint, ..) => "MAINT".to_owned(),
        (ServerState::Drain, true, _) => "DRAIN".to_owned(),
        (_, true, 0) => "UP".to_owned(),
        (_, true, against) => format!("UP {}/{}", FALL - against, FALL),
        (_, false, 0) => "DOWN".to_owned(),
        (_, false, against) => format!("DOWN {against}/{RISE}"),
    }
}
