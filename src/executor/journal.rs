//! Owns the journal: one append-only file of JSON lines per run, in which every act is written
//! and synced before it happens. A line is `{"seq":N,"len":BYTES,"crc32":"HEX","event":{…}}`;
//! length and checksum are those of the event's own text. A reader gets a prefix of the truth, or
//! an error, never something else.

mod reserve;

use super::event::{RunEvent, RunEventKind, RunId};
use super::record::RunRecord;
use super::state::StateDir;
use crate::model::text::Shown;
use reserve::Reserve;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Whether a line must be on disc before the run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It must.
    Synced,
    /// It may be lost with the machine.
    Buffered,
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be made, written or read.
    #[error("use the journal {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An earlier write failed, so that nothing may follow it.
    #[error("write the journal {path}: an earlier write failed")]
    Broken {
        /// Which file.
        path: PathBuf,
    },
    /// A line is not what was written.
    #[error("read the journal {path}: line {line} is damaged: {why}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such run.
    #[error("find the run {run}: there is no journal of it")]
    NoSuchRun {
        /// Which run.
        run: RunId,
    },
}

/// A run of which nothing was written never began, and leaves no empty journal.
impl Drop for Journal {
    fn drop(&mut self) {
        if self.whole == 0 {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Where a run writes what it does.
pub trait Audit: std::fmt::Debug + Send {
    /// Writes an event; synced, it is on disc when this returns.
    ///
    /// # Errors
    ///
    /// If it could not be written. Nothing may be done that it would have announced.
    fn append(&mut self, event: &RunEvent, durability: Durability) -> Result<(), JournalError>;
}

/// The journal of one run, being written.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    seq: u64,
    /// Bytes of the lines that were written whole.
    whole: u64,
    broken: bool,
    reserve: Option<Reserve>,
}

impl Journal {
    /// Starts the journal of `run`. It is durable, empty, when this returns.
    ///
    /// # Errors
    ///
    /// If the file exists or cannot be made.
    pub fn create(state: &StateDir, run: &RunId) -> Result<Self, JournalError> {
        let path = path_of(state, run);
        let open = || -> io::Result<(File, Reserve)> {
            let file = OpenOptions::new()
                .append(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            file.sync_all()?;
            // The name too must survive a power cut, not only the file.
            File::open(state.runs())?.sync_all()?;
            Ok((file, Reserve::set_aside(&path)?))
        };
        match open() {
            Ok((file, reserve)) => Ok(Self {
                path,
                file,
                seq: 0,
                whole: 0,
                broken: false,
                reserve: Some(reserve),
            }),
            Err(source) => {
                // A run that is not begun leaves no empty journal; if it cannot be removed, the
                // list of runs says that it is empty.
                fs::remove_file(&path).ok();
                Err(JournalError::File { path, source })
            }
        }
    }

    /// Opens the journal of `run` to go on with it, and gives what it holds. A half line that a
    /// killed writer left at its end is cut off, for a further line must not hide it, and given
    /// back so that the next event can keep its words. An act is announced by a whole, synced
    /// line, so that nothing which happened is cut off with it. Whoever calls this holds the
    /// cluster's lock, so that nobody else writes.
    ///
    /// # Errors
    ///
    /// As `read`; and if the file cannot be written.
    pub fn reopen(state: &StateDir, run: &RunId) -> Result<Reopened, JournalError> {
        let path = path_of(state, run);
        let bytes = load(state, run)?;
        let damaged = |(line, why)| JournalError::Damaged {
            path: path.clone(),
            line,
            why,
        };
        let (events, _tail) = parse(&bytes).map_err(damaged)?;
        if events.is_empty() {
            return Err(damaged((1, "it announces no plan".to_owned())));
        }
        let open = || -> io::Result<(File, Option<Shown>, Reserve)> {
            let whole = whole_prefix(&bytes, events.len());
            let torn = bytes.get(whole..).filter(|torn| !torn.is_empty());
            let mut file = OpenOptions::new().append(true).open(&path)?;
            file.set_len(whole as u64)?;
            if bytes.get(..whole).and_then(<[u8]>::last) != Some(&b'\n') {
                file.write_all(b"\n")?;
            }
            file.sync_all()?;
            Ok((
                file,
                torn.map(|torn| Shown::new(&String::from_utf8_lossy(torn))),
                Reserve::set_aside(&path)?,
            ))
        };
        match open().and_then(|(file, torn, room)| Ok((file.metadata()?.len(), file, torn, room))) {
            Ok((whole, file, torn, reserve)) => Ok(Reopened {
                journal: Self {
                    path,
                    file,
                    seq: events.len() as u64,
                    whole,
                    broken: false,
                    reserve: Some(reserve),
                },
                events,
                torn,
            }),
            Err(source) => Err(JournalError::File { path, source }),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A journal that can be gone on with.
#[derive(Debug)]
pub struct Reopened {
    /// Ready for the next event.
    pub journal: Journal,
    /// What it holds.
    pub events: Vec<RunEvent>,
    /// The half line that was cut off.
    pub torn: Option<Shown>,
}

/// Bytes of the first `lines` lines, of which the last may lack its end.
fn whole_prefix(bytes: &[u8], lines: usize) -> usize {
    let parts = bytes.split_inclusive(|byte| *byte == b'\n');
    parts.take(lines).map(<[u8]>::len).sum()
}

impl Audit for Journal {
    fn append(&mut self, event: &RunEvent, durability: Durability) -> Result<(), JournalError> {
        if self.broken {
            return Err(JournalError::Broken {
                path: self.path.clone(),
            });
        }
        match self.write(event, durability) {
            Ok(()) => Ok(()),
            Err(source) => {
                // Half a line may stand there: a further one would hide that.
                self.broken = true;
                Err(JournalError::File {
                    path: self.path.clone(),
                    source,
                })
            }
        }
    }
}

impl Journal {
    /// Writes a line; on a full disc once more, with the room that was set aside.
    fn write(&mut self, event: &RunEvent, durability: Durability) -> io::Result<()> {
        let line = line(self.seq, event)?;
        match self.put(&line, durability) {
            Err(full) if full.kind() == io::ErrorKind::StorageFull => {
                drop(self.reserve.take().ok_or(full)?);
                self.file.set_len(self.whole)?;
                self.put(&line, durability)?;
            }
            written => written?,
        }
        self.seq += 1;
        self.whole += line.len() as u64;
        Ok(())
    }

    fn put(&mut self, line: &str, durability: Durability) -> io::Result<()> {
        self.file.write_all(line.as_bytes())?;
        match durability {
            Durability::Synced => self.file.sync_data(),
            Durability::Buffered => Ok(()),
        }
    }
}

pub(super) fn path_of(state: &StateDir, run: &RunId) -> PathBuf {
    state.runs().join(format!("{run}.jsonl"))
}

fn line(seq: u64, event: &RunEvent) -> serde_json::Result<String> {
    let text = serde_json::to_string(event)?;
    let (len, crc) = (text.len(), crc32(text.as_bytes()));
    Ok(format!(
        "{{\"seq\":{seq},\"len\":{len},\"crc32\":\"{crc:08x}\",\"event\":{text}}}\n"
    ))
}

/// How a journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// With a whole line.
    Whole,
    /// In the middle of a line: the writer was killed. What it would have said is not known.
    Torn,
}

/// Reads the events of `run`.
///
/// # Errors
///
/// If there is no such run, or a line is damaged, missing or out of order.
pub fn read(state: &StateDir, run: &RunId) -> Result<(Vec<RunEvent>, Tail), JournalError> {
    let bytes = load(state, run)?;
    parse(&bytes).map_err(|(line, why)| JournalError::Damaged {
        path: path_of(state, run),
        line,
        why,
    })
}

fn load(state: &StateDir, run: &RunId) -> Result<Vec<u8>, JournalError> {
    let path = path_of(state, run);
    match fs::read(&path) {
        Ok(bytes) => Ok(bytes),
        Err(source) if source.kind() == io::ErrorKind::NotFound => {
            Err(JournalError::NoSuchRun { run: run.clone() })
        }
        Err(source) => Err(JournalError::File { path, source }),
    }
}

/// One run of the list: what its journal amounts to, or why it cannot be read.
pub type Listed = (RunId, Result<RunRecord, JournalError>);

/// All runs, the latest first.
///
/// # Errors
///
/// If the directory cannot be read. A journal that cannot is an entry of its own.
pub fn list(state: &StateDir) -> Result<Vec<Listed>, JournalError> {
    let records = ids(state)?.into_iter().map(|id| {
        let record = record(state, &id);
        (id, record)
    });
    let mut runs: Vec<Listed> = records.collect();
    runs.sort_by(|(a, _), (b, _)| b.cmp(a));
    Ok(runs)
}

/// The ids of all runs, in no order.
pub(super) fn ids(state: &StateDir) -> Result<Vec<RunId>, JournalError> {
    let fault = |source| JournalError::File {
        path: state.runs(),
        source,
    };
    let mut ids = Vec::new();
    for entry in fs::read_dir(state.runs()).map_err(fault)? {
        let name = entry.map_err(fault)?.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(".jsonl"));
        ids.extend(name.and_then(RunId::parse));
    }
    Ok(ids)
}

/// One run, as its journal tells it.
///
/// # Errors
///
/// As `read`; and if the journal holds no announcement.
pub fn record(state: &StateDir, run: &RunId) -> Result<RunRecord, JournalError> {
    let (events, _tail) = read(state, run)?;
    RunRecord::fold(&events).ok_or_else(|| JournalError::Damaged {
        path: path_of(state, run),
        line: 1,
        why: "it does not begin with a plan".to_owned(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    seq: u64,
    len: usize,
    crc32: String,
    #[serde(borrow)]
    event: &'a RawValue,
}

/// Only a last line without its end may be torn; any other fault is damage.
fn parse(bytes: &[u8]) -> Result<(Vec<RunEvent>, Tail), (usize, String)> {
    let mut events: Vec<RunEvent> = Vec::new();
    for (index, text) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let whole = text.ends_with(b"\n");
        match parse_line(index as u64, text, events.first()) {
            Ok(event) => events.push(event),
            Err(_) if !whole => return Ok((events, Tail::Torn)),
            Err(why) => return Err((index + 1, why)),
        }
    }
    Ok((events, Tail::Whole))
}

fn parse_line(seq: u64, text: &[u8], first: Option<&RunEvent>) -> Result<RunEvent, String> {
    let line: Line<'_> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let body = line.event.get();
    if line.seq != seq {
        return Err(format!("its number is {}, not {seq}", line.seq));
    }
    if line.len != body.len() || line.crc32 != format!("{:08x}", crc32(body.as_bytes())) {
        return Err("its length or checksum does not fit".to_owned());
    }
    let event: RunEvent = serde_json::from_str(body).map_err(|error| error.to_string())?;
    match first {
        Some(first) if first.run != event.run => Err(format!("it belongs to run {}", event.run)),
        None if !matches!(event.what, RunEventKind::Announced { .. }) => {
            Err("the first line announces no plan".to_owned())
        }
        _ => Ok(event),
    }
}

/// CRC-32 as in IEEE 802.3, zip and PNG: reflected, polynomial 0x04C11DB7. Bit by bit: a journal
/// has some dozen lines, a table would not pay.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let shift = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| shift(crc))
    })
}

#[cfg(test)]
mod tests {
    use super::{Audit, Durability, Journal, JournalError, RunEvent, RunEventKind, RunId, crc32};
    use crate::executor::event::RunOutcome;
    use std::fs::OpenOptions;
    use std::time::Duration;

    /// The check value of the CRC catalogue (reveng.sourceforge.io).
    #[test]
    fn the_checksum_is_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    /// `/dev/full` answers every write as a full disc does.
    #[test]
    fn after_a_failed_write_nothing_follows() {
        let open = |path: &str| OpenOptions::new().write(true).open(path).unwrap();
        let mut journal = Journal {
            path: "run.jsonl".into(),
            file: open("/dev/full"),
            seq: 0,
            whole: 0,
            broken: false,
            reserve: None,
        };
        let event = RunEvent {
            run: RunId("x".to_owned()),
            at: jiff::Timestamp::UNIX_EPOCH,
            elapsed: Duration::ZERO,
            what: RunEventKind::Ended {
                outcome: RunOutcome::Done,
            },
        };
        let failed = journal.append(&event, Durability::Synced);
        assert!(matches!(failed, Err(JournalError::File { .. })));
        journal.file = open("/dev/null");
        let failed = journal.append(&event, Durability::Buffered);
        assert!(matches!(failed, Err(JournalError::Broken { .. })));
    }
}
