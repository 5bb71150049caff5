//! Owns the ports of the simulated cluster: management APIs and statistics pages on loopback, each
//! open, shut, mute or silent as the cluster has it. Knows HTTP; what is answered is `api`'s and
//! `stats`'s.

use super::api::queues::Listing;
use super::api::{self, Answer, Body, Login, Request};
use super::stage::Stage;
use super::stats::{self, Asked};
use super::world::{Power, World};
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Between two looks at which ports are to be open.
const LOOK: Duration = Duration::from_millis(50);
/// Connections that a port takes before it takes no more.
const CLOG: usize = 4;
/// More of a request than the product ever sends.
const BODY_LIMIT: usize = 1 << 20;

/// What stands behind a port: of the host of this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    /// The management API of its broker.
    Api(usize),
    /// The statistics page of its HAProxy.
    Page(usize),
}

/// How a port behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It answers.
    Open,
    /// It refuses.
    Shut,
    /// It accepts, and says nothing.
    Mute,
    /// Nobody is there.
    Silent,
}

impl Site {
    fn manner(self, world: &World) -> Manner {
        let (Self::Api(at) | Self::Page(at)) = self;
        let Some(host) = world.host(at) else {
            return Manner::Shut;
        };
        let is_open = match self {
            Self::Api(_) => host.broker.listens(),
            Self::Page(_) => host.front().is_some(),
        };
        let hangs = matches!(self, Self::Api(_)) && host.broker.hangs;
        match (host.power, is_open, hangs) {
            (Power::Gone, ..) => Manner::Silent,
            (Power::On, true, true) => Manner::Mute,
            (Power::On, true, false) => Manner::Open,
            (Power::On, false, _) => Manner::Shut,
        }
    }
}

/// A port. It stays ours while it is shut, so that nobody else gets it meanwhile.
#[derive(Debug)]
pub(super) struct Gate {
    site: Site,
    at: SocketAddr,
    _ours: TcpSocket,
    state: State,
}

#[derive(Debug)]
enum State {
    Shut,
    Listening(JoinHandle<()>),
    /// So many connections wait that no further one is made.
    Clogged {
        _listener: TcpListener,
        _waiting: Vec<TcpStream>,
    },
}

impl Gate {
    /// Takes a free port of the loopback address; it is shut.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub(super) fn new(site: Site) -> io::Result<Self> {
        let ours = socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self {
            site,
            at: ours.local_addr()?,
            _ours: ours,
            state: State::Shut,
        })
    }

    /// Its number.
    pub(super) fn port(&self) -> u16 {
        self.at.port()
    }

    /// Behaves as the cluster has it.
    pub(super) async fn follow(&mut self, stage: &Stage) {
        let manner = stage.with(|world| self.site.manner(world));
        match (manner, &self.state) {
            (Manner::Open | Manner::Mute, State::Listening(_))
            | (Manner::Shut, State::Shut)
            | (Manner::Silent, State::Clogged { .. }) => return,
            _ => self.shut(),
        }
        self.state = match manner {
            Manner::Shut => State::Shut,
            Manner::Open | Manner::Mute => {
                match socket(self.at).and_then(|socket| socket.listen(128)) {
                    Ok(listener) => {
                        State::Listening(tokio::spawn(accept(listener, self.site, stage.clone())))
                    }
                    // It is tried again at the next look.
                    Err(_busy) => State::Shut,
                }
            }
            Manner::Silent => match socket(self.at).and_then(|socket| socket.listen(0)) {
                Ok(listener) => State::Clogged {
                    _waiting: clog(self.at).await,
                    _listener: listener,
                },
                Err(_busy) => State::Shut,
            },
        };
    }

    fn shut(&mut self) {
        if let State::Listening(task) = &self.state {
            task.abort();
        }
        self.state = State::Shut;
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shut();
    }
}

fn socket(at: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    // Elsewhere only this lets a second socket have the port.
    #[cfg(not(target_os = "linux"))]
    socket.set_reuseport(true)?;
    socket.bind(at)?;
    Ok(socket)
}

/// Fills the queue of a port, so that further connections get no answer.
async fn clog(at: SocketAddr) -> Vec<TcpStream> {
    let mut waiting = Vec::new();
    for _ in 0..CLOG {
        match timeout(LOOK, TcpStream::connect(at)).await {
            Ok(Ok(stream)) => waiting.push(stream),
            Ok(Err(_)) | Err(_) => break,
        }
    }
    waiting
}

/// Opens and shuts all ports as the cluster has it, for as long as it is played; counts how often
/// it has looked at all of them.
pub(super) async fn keep(mut gates: Vec<Gate>, stage: Stage, rounds: watch::Sender<u64>) {
    loop {
        for gate in &mut gates {
            gate.follow(&stage).await;
        }
        rounds.send_modify(|count| *count += 1);
        sleep(LOOK).await;
    }
}

/// Takes connections; they end with the port.
async fn accept(listener: TcpListener, site: Site, stage: Stage) {
    let mut open = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(LOOK).await;
            continue;
        };
        while open.try_join_next().is_some() {}
        let stage = stage.clone();
        open.spawn(async move {
            let service = service_fn(|request| serve(request, site, stage.clone()));
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // Whoever hangs up in the middle is none of our business.
            drop(served.await);
        });
    }
}

type Sent = Response<BoxBody<Bytes, Infallible>>;

async fn serve(request: hyper::Request<Incoming>, site: Site, stage: Stage) -> io::Result<Sent> {
    let (head, body) = request.into_parts();
    let body = http_body_util::Limited::new(body, BODY_LIMIT)
        .collect()
        .await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    match stage.with(|world| site.manner(world)) {
        Manner::Open => {}
        Manner::Mute | Manner::Silent => std::future::pending().await,
        Manner::Shut => return Err(io::ErrorKind::ConnectionReset.into()),
    }
    let login = head
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let body = String::from_utf8_lossy(&body);
    let uri = &head.uri;
    Ok(match site {
        Site::Page(at) => {
            let text = stage.with(|world| stats::page(world, at, Asked::Page));
            whole(
                if text.is_some() { 200 } else { 503 },
                text.unwrap_or_default(),
            )
        }
        Site::Api(at) => {
            let path = uri.path().strip_prefix("/api/").unwrap_or_default();
            while !api::is_own_word(path) && stage.with(|world| world.is_held_up(at)) {
                sleep(LOOK).await;
            }
            let request = Request {
                method: head.method.as_str(),
                path,
                query: uri.query().unwrap_or_default(),
                login: login.map_or(Login::Wrong, check),
                body: &body,
            };
            let Answer { status, body } = stage.with(|world| api::answer(world, at, request));
            match body {
                Body::Whole(text) => whole(status, text),
                Body::Queues(listing) => listed(listing, stage),
            }
        }
    })
}

/// The demo's user, `demo`, with the password `guest`, in Base64 (RFC 7617).
fn check(header: &str) -> Login {
    const EXPECTED: &str = "Basic ZGVtbzpndWVzdA==";
    if header == EXPECTED {
        Login::Right
    } else {
        Login::Wrong
    }
}

fn whole(status: u16, text: String) -> Sent {
    let mut sent = Response::new(Full::new(Bytes::from(text)).boxed());
    *sent.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    sent
}

/// A list is sent as it is made.
fn listed(listing: Listing, stage: Stage) -> Sent {
    let pieces = stream::unfold(Some(0), move |next| {
        let piece = next.map(|from| stage.with(|world| listing.piece(world, from)));
        async move {
            let (text, next) = piece?;
            Some((Ok(Frame::data(Bytes::from(text))), next))
        }
    });
    Response::new(BodyExt::boxed(StreamBody::new(pieces)))
}
