//! Owns the fetching of a password from wherever it is kept, without holding up other sources. A
//! password command is waited for, never looked at again and again, and is killed when it is late
//! or nobody waits for it any more. What it prints is never logged.

use super::http::HttpFault;
use crate::config::secret::{SecretError, SecretSource};
use crate::model::observation::FailureKind;
use crate::model::text::Shown;
use secrecy::{ExposeSecret, SecretString};
use std::error::Error as _;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a password command may take; it may have to ask a person or a vault.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);
/// How long the output of a command that ended may take to arrive. What it left running in the
/// background may hold its output open for ever.
const OUTPUT_LIMIT: Duration = Duration::from_secs(1);
/// More bytes than any first line worth reading.
const LINE_LIMIT: u64 = 64 << 10;

/// Fetches a password. Safe to give up at any time: a command that still runs is killed.
pub(crate) async fn password(source: SecretSource) -> Result<SecretString, HttpFault> {
    fetch(source).await.map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}"));
        let text = format!("{error}{}", cause.unwrap_or_default());
        HttpFault::new(FailureKind::Secret, text)
    })
}

async fn fetch(source: SecretSource) -> Result<SecretString, SecretError> {
    if let SecretSource::Command(words) = &source {
        return run(words, COMMAND_LIMIT).await;
    }
    // A slow file system must not hold up the other sources.
    let read = tokio::task::spawn_blocking(move || source.read()).await;
    read.unwrap_or_else(|_ended| Err(SecretError::Ended))
}

async fn run(words: &[String], limit: Duration) -> Result<SecretString, SecretError> {
    let (word, args) = words
        .split_first()
        .map_or(("", words), |(word, args)| (word.as_str(), args));
    let program = Shown::new(word);
    let fault = |source| SecretError::Start {
        program: program.clone(),
        source,
    };
    let mut child = Command::new(word)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(fault)?;
    let printed = child.stdout.take().map(line_of);
    let complained = child.stderr.take().map(line_of);
    let Ok(status) = timeout(limit, child.wait()).await else {
        child.kill().await.map_err(fault)?;
        return Err(SecretError::Late { program, limit });
    };
    let status = status.map_err(fault)?;
    if !status.success() {
        return Err(SecretError::Failed {
            said: said(complained).await,
            program,
            status,
        });
    }
    let line = received(printed).await.unwrap_or_default();
    if line.expose_secret().is_empty() {
        return Err(SecretError::Silent {
            said: said(complained).await,
            program,
        });
    }
    Ok(line)
}

type Line = oneshot::Receiver<SecretString>;

/// The first line of an output, as soon as it is there. The task then takes the rest, for a
/// command dies of writing to who has gone; the program's end does not wait for it.
fn line_of(output: impl AsyncRead + Send + Unpin + 'static) -> Line {
    let (sender, line) = oneshot::channel();
    tokio::spawn(async move {
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        // An output that breaks off ends there; how the command ended says why.
        let _read = (&mut output)
            .take(LINE_LIMIT)
            .read_until(b'\n', &mut bytes)
            .await;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.lines().next().unwrap_or_default();
        // Nobody waits for it once the command was killed.
        let _sent = sender.send(SecretString::from(text));
        let _rest = tokio::io::copy(&mut output, &mut tokio::io::sink()).await;
    });
    line
}

async fn received(line: Option<Line>) -> Option<SecretString> {
    timeout(OUTPUT_LIMIT, line?).await.ok()?.ok()
}

/// The first words of a complaint; may be empty.
async fn said(complained: Option<Line>) -> Shown {
    let line = received(complained).await.unwrap_or_default();
    Shown::new(line.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::{ExposeSecret, SecretError, fetch, run};
    use crate::config::secret::SecretSource;
    use std::path::{Path, PathBuf};
    use std::time::Duration;
    use tokio::time::timeout;

    const LONG: Duration = Duration::from_secs(60);

    /// A hanging command fails the test instead of hanging it.
    async fn read(script: &str, limit: Duration) -> Result<String, SecretError> {
        let words = ["sh", "-c", script].map(str::to_owned);
        let outcome = timeout(Duration::from_secs(8), run(&words, limit)).await;
        outcome
            .unwrap()
            .map(|secret| secret.expose_secret().to_owned())
    }

    /// A script that says which process it is and hangs, and the folder of that process once it
    /// has said so.
    fn hanging(folder: &Path) -> (String, impl Fn() -> Option<PathBuf>) {
        let file = folder.join("pid");
        let script = format!("echo $$ > {}; exec sleep 100", file.display());
        let process = move || {
            let pid = std::fs::read_to_string(&file).ok()?;
            pid.ends_with('\n')
                .then(|| Path::new("/proc").join(pid.trim()))
        };
        (script, process)
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let (script, process) = hanging(folder.path());
        let error = read(&script, Duration::from_millis(500)).await.unwrap_err();
        let text = "the password command sh did not end within 0.5 s and was killed";
        assert_eq!(error.to_string(), text);
        assert!(!process().unwrap().exists());
    }

    #[tokio::test]
    async fn a_command_nobody_waits_for_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let (script, process) = hanging(folder.path());
        let begun = async {
            while process().is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            outcome = read(&script, LONG) => panic!("{outcome:?}"),
            () = begun => (),
        }
        let gone = async {
            while process().unwrap().exists() {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(8), gone).await.unwrap();
    }

    #[tokio::test]
    async fn what_a_command_leaves_running_holds_up_nothing() {
        assert_eq!(read("echo word; sleep 30 & ", LONG).await.unwrap(), "word");
        let error = read("sleep 30 & exit 3", LONG).await.unwrap_err();
        let text = "the password command sh failed (exit status: 3)";
        assert_eq!(error.to_string(), text);
    }

    #[tokio::test]
    async fn a_failure_names_the_command_its_status_and_its_first_words() {
        let script = "printf 'gpg: no \\033[31mkey\\nsecond\\n' >&2; echo word; exit 2";
        let error = read(script, LONG).await.unwrap_err();
        let text = "the password command sh failed (exit status: 2): gpg: no \\x1b[31mkey";
        assert_eq!(error.to_string(), text);
        let error = read("echo locked >&2", LONG).await.unwrap_err();
        let text = "the password command sh printed nothing: locked";
        assert_eq!(error.to_string(), text);
        let missing = SecretSource::Command(vec!["/nonexistent/pass".to_owned()]);
        let error = fetch(missing).await.unwrap_err();
        let text = "cannot run the password command /nonexistent/pass";
        assert_eq!(error.to_string(), text);
    }

    #[tokio::test]
    async fn much_output_after_the_first_line_is_no_fault() {
        let script = "echo word; head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2";
        assert_eq!(read(script, LONG).await.unwrap(), "word");
    }
}
