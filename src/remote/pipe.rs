//! Owns the bounded reading of a command's output: whole, or line by line. Nothing a host prints
//! can make rmqtop hold more than these limits.

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// Most bytes kept of standard output: the definitions of some hundred thousand queues.
pub(super) const STDOUT_LIMIT: usize = 64 << 20;
/// Most bytes kept of standard error.
pub(super) const STDERR_LIMIT: usize = 64 << 10;
/// Most bytes kept of one streamed line.
pub(super) const LINE_LIMIT: usize = 64 << 10;

/// What was read, and whether there was more.
#[derive(Debug, Default)]
pub(super) struct Captured {
    pub(super) text: String,
    pub(super) is_cut: bool,
}

/// Reads to the end but keeps at most `limit` bytes. An error ends it like an end of file: what
/// became of the command says its exit status, not its pipe.
pub(super) async fn capture(reader: Option<impl AsyncRead + Unpin>, limit: usize) -> Captured {
    let Some(reader) = reader else {
        return Captured::default();
    };
    let mut kept = Vec::new();
    let mut reader = reader.take(limit as u64 + 1);
    // What came before an error still counts; the exit status tells the rest.
    let _ended = reader.read_to_end(&mut kept).await;
    let is_cut = kept.len() > limit;
    kept.truncate(limit);
    Captured {
        text: String::from_utf8_lossy(&kept).into_owned(),
        is_cut,
    }
}

/// Lines of a stream; what exceeds the limit of a line is left out.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    reader: BufReader<R>,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader: BufReader::new(reader),
        }
    }

    /// The next line without its end; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let mut any = false;
        loop {
            let chunk = self.reader.fill_buf().await.unwrap_or_default();
            if chunk.is_empty() {
                break;
            }
            any = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(chunk.len(), |at| at + 1);
            let room = LINE_LIMIT.saturating_sub(line.len());
            line.extend(chunk.iter().take(end.unwrap_or(used).min(room)));
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        any.then(|| String::from_utf8_lossy(&line).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_LIMIT, LineReader, capture};

    #[tokio::test]
    async fn output_is_kept_up_to_its_limit() {
        let captured = capture(Some(&b"12345"[..]), 5).await;
        assert_eq!((captured.text.as_str(), captured.is_cut), ("12345", false));
        let captured = capture(Some(&b"123456"[..]), 5).await;
        assert_eq!((captured.text.as_str(), captured.is_cut), ("12345", true));
    }

    #[tokio::test]
    async fn lines_end_at_their_limit_and_the_next_one_is_whole() {
        let long = "x".repeat(LINE_LIMIT + 100);
        let text = format!("a\r\n\n{long}\nlast");
        let mut lines = LineReader::new(text.as_bytes());
        assert_eq!(lines.next().await.as_deref(), Some("a"));
        assert_eq!(lines.next().await.as_deref(), Some(""));
        assert_eq!(lines.next().await.map(|line| line.len()), Some(LINE_LIMIT));
        assert_eq!(lines.next().await.as_deref(), Some("last"));
        assert_eq!(lines.next().await, None);
    }
}
