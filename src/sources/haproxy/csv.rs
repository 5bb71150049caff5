//! Owns the reading of HAProxy's statistics: columns by the header's names, because every release
//! has others; a line that is cut, shifted or broken is kept as unread and costs only itself.

use crate::model::balancer::{
    Backend, BalancerReport, Frontend, ServerRole, ServerRow, ServerStatus, StatsVia, UnreadLine,
};
use crate::model::observation::{FailureKind, SourceFailure};
use crate::model::text::Shown;
use csv::{ReaderBuilder, StringRecord};
use std::collections::BTreeMap;

/// The header's columns by name.
struct Header {
    columns: BTreeMap<String, usize>,
    /// Where the column `-` is: every line repeats it there.
    dash: Option<usize>,
    /// Cells of the line.
    width: usize,
}

impl Header {
    /// Reads `# pxname,svname,…`. After a column `-` anything may follow and nothing is taken.
    fn parse(record: &StringRecord) -> Option<Self> {
        let mut columns = BTreeMap::new();
        let mut dash = None;
        for (place, name) in record.iter().enumerate() {
            let name = name.trim_start_matches(['#', ' ']).trim();
            if name == "-" {
                dash = Some(place);
                break;
            }
            if !name.is_empty() {
                columns.entry(name.to_owned()).or_insert(place);
            }
        }
        let needed = ["pxname", "svname", "status"];
        needed
            .iter()
            .all(|name| columns.contains_key(*name))
            .then_some(Self {
                columns,
                dash,
                width: record.len(),
            })
    }

    /// Whether a line has all its cells where the header says. One comma more or less would give
    /// every figure behind it another meaning; only the one at the end of the line means nothing.
    fn fits(&self, record: &StringRecord) -> bool {
        if let Some(dash) = self.dash {
            return record.get(dash) == Some("-");
        }
        let is_filled = |cell: &str| !cell.trim().is_empty();
        let mut extra = record.iter().skip(self.width);
        let lacks_the_last = record.len() + 1 == self.width
            && self.columns.len() < self.width
            && record.iter().next_back().is_some_and(is_filled);
        lacks_the_last || record.len() >= self.width && !extra.any(is_filled)
    }
}

/// One line with the header it belongs to.
struct Line<'a> {
    header: &'a Header,
    record: &'a StringRecord,
}

impl<'a> Line<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        let cell = self.record.get(*self.header.columns.get(name)?)?.trim();
        (!cell.is_empty()).then_some(cell)
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    fn text(&self, name: &str) -> Option<Shown> {
        self.get(name).map(Shown::new)
    }
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Frontend,
    Backend,
    Server,
    Listener,
}

/// By the type and by the name, which must not contradict each other.
fn subject(line: &Line<'_>) -> Option<Subject> {
    let by_name = match line.get("svname")? {
        "FRONTEND" => Subject::Frontend,
        "BACKEND" => Subject::Backend,
        _ => Subject::Server,
    };
    match (line.get("type"), by_name) {
        (None, _) | (Some("0"), Subject::Frontend) | (Some("1"), Subject::Backend) => Some(by_name),
        (Some("2"), Subject::Server) => Some(Subject::Server),
        (Some("3"), Subject::Server) => Some(Subject::Listener),
        (Some(_), _) => None,
    }
}

/// Reads a whole page. `whose` begins the failure.
pub(super) fn parse(
    text: &str,
    via: StatsVia,
    whose: &str,
) -> Result<BalancerReport, SourceFailure> {
    let fault = |words: &str| {
        let start: String = text.trim_start().chars().take(40).collect();
        let text = format!("{whose}: {words}: {start}");
        SourceFailure::new(FailureKind::Malformed, text)
    };
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.trim_start().as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(record)) => Header::parse(&record),
        Some(Err(_)) | None => None,
    };
    let header = header.ok_or_else(|| fault("no header of HAProxy statistics"))?;
    let mut report = BalancerReport {
        via,
        ..BalancerReport::default()
    };
    let mut understood = 0_usize;
    for record in records {
        let line = record.as_ref().ok().map(|record| Line {
            header: &header,
            record,
        });
        if line
            .as_ref()
            .and_then(|line| add(&mut report, line))
            .is_some()
        {
            understood += 1;
        } else {
            report
                .unread
                .push(line.as_ref().map(unread).unwrap_or_default());
        }
    }
    if understood == 0 {
        return Err(fault("no readable line"));
    }
    Ok(report)
}

/// Whose a line is that could not be read; the last cell of a cut line may be cut itself.
fn unread(line: &Line<'_>) -> UnreadLine {
    let whole = |name: &str| {
        let place = *line.header.columns.get(name)?;
        (place + 1 < line.record.len()).then(|| line.text(name))?
    };
    UnreadLine {
        proxy: whole("pxname"),
        server: whole("svname"),
    }
}

/// Adds a line to the report; `None` if it cannot be understood.
fn add(report: &mut BalancerReport, line: &Line<'_>) -> Option<()> {
    let proxy = line.text("pxname")?;
    let name = line.text("svname")?;
    let subject = subject(line)?;
    let counts = ["scur", "slim", "weight", "act", "bck", "lastchg"];
    let is_whole = line.header.fits(line.record)
        && counts
            .iter()
            .all(|name| line.get(name).is_none() == line.count(name).is_none())
        && (subject == Subject::Listener || line.get("status").is_some());
    if !is_whole {
        return None;
    }
    match subject {
        Subject::Frontend => report.frontends.push(Frontend {
            name: proxy,
            mode: line.text("mode"),
            status: line.text("status")?,
            sessions: line.count("scur"),
            session_limit: line.count("slim"),
            rate: line.count("rate"),
        }),
        Subject::Backend => {
            let backend = backend(report, proxy)?;
            backend.mode = line.text("mode");
            backend.status = line.text("status")?;
            backend.sessions = line.count("scur");
            backend.active = line.count("act");
            backend.backup = line.count("bck");
            backend.weight = line.count("weight");
        }
        Subject::Server => {
            let server = server(name, line)?;
            let backend = backend(report, proxy)?;
            // Its own row comes last, or may not be readable.
            if backend.mode.is_none() {
                backend.mode = line.text("mode");
            }
            backend.servers.push(server);
        }
        Subject::Listener => {}
    }
    Some(())
}

/// The backend of this name; servers come before their backend's own line.
fn backend(report: &mut BalancerReport, name: Shown) -> Option<&mut Backend> {
    let place = report.backends.iter().position(|known| known.name == name);
    if let Some(place) = place {
        return report.backends.get_mut(place);
    }
    report.backends.push(Backend {
        name,
        ..Backend::default()
    });
    report.backends.last_mut()
}

fn server(name: Shown, line: &Line<'_>) -> Option<ServerRow> {
    Some(ServerRow {
        name,
        status: ServerStatus::parse(line.get("status")?),
        role: if line.count("bck") == Some(1) {
            ServerRole::Backup
        } else {
            ServerRole::Active
        },
        sessions: line.count("scur"),
        weight: line.count("weight"),
        // `* ` marks a check that is under way; what stands after it is the last result.
        check_status: line
            .get("check_status")
            .map(|status| Shown::new(status.trim_start_matches("* "))),
        check_text: line.text("last_chk").or_else(|| line.text("check_desc")),
        tracks: line.text("tracked"),
        agent: line.text("agent_status"),
        last_change_s: line.count("lastchg"),
        address: line.text("addr"),
    })
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::model::balancer::{BalancerReport, ServerStatus, StatsVia, UnreadLine};
    use crate::model::observation::FailureKind;
    use crate::model::text::Shown;
    use proptest::prelude::*;

    fn page(text: &str) -> BalancerReport {
        parse(text, StatsVia::Http, "page").unwrap()
    }

    #[test]
    fn columns_are_found_by_name_whatever_their_order_and_number() {
        let report = page(
            "# status,new,svname,pxname,weight,-,scur,\n\
             OPEN,x,FRONTEND,px,,-,7,\nUP,x,a,px,3,-,7,\nUP,x,BACKEND,px,3,-,7,\n",
        );
        let backend = report.backend("px").unwrap();
        assert_eq!(backend.servers[0].status, ServerStatus::Up(None));
        assert_eq!(backend.servers[0].weight, Some(3));
        // What stands after the column `-` has no fixed meaning.
        assert_eq!(backend.servers[0].sessions, None);
        assert_eq!(report.frontends.len(), 1);
        assert_eq!(report.unread, []);
    }

    #[test]
    fn quoted_newlines_and_crlf_belong_to_the_cell() {
        let report =
            page("# pxname,svname,status,last_chk,\r\npx,a,DOWN 1/2,\"bad \"\"x\"\"\nreply\",\r\n");
        let server = &report.backend("px").unwrap().servers[0];
        assert_eq!(server.status, ServerStatus::Down(Some((1, 2))));
        let text = server.check_text.as_ref().unwrap();
        assert_eq!(text.raw(), "bad \"x\"\nreply");
        assert_eq!(text.as_str(), "bad \"x\"\\x0areply");
    }

    #[test]
    fn a_cut_line_is_kept_as_unread_and_the_rest_stands() {
        let report = page("# pxname,svname,status,weight,\npx,a,UP,1,\npx,b,U");
        let unread = [UnreadLine {
            proxy: Some(Shown::new("px")),
            server: Some(Shown::new("b")),
        }];
        assert_eq!(report.unread, unread);
        assert_eq!(report.backend("px").unwrap().servers.len(), 1);
        // What is cut in its very name names nothing.
        let report = page("# pxname,svname,status,weight,\npx,a,UP,1,\np");
        assert_eq!(report.unread, [UnreadLine::default()]);
    }

    #[test]
    fn a_line_whose_cells_are_shifted_or_contradict_each_other_is_not_read() {
        let lines = [
            // A comma is missing, a comma is too many.
            "px,b,UP 1,1,0,2,-,",
            "px,b,UP,,1,1,0,2,-,",
            // A name of one kind, a type of another; a figure that is none; no status.
            "px,b,UP,1,1,0,1,-,",
            "px,BACKEND,UP,1,1,0,2,-,",
            "px,b,UP,many,1,0,2,-,",
            "px,b,,1,1,0,2,-,",
        ];
        for line in lines {
            let head = "# pxname,svname,status,weight,act,bck,type,-,\npx,a,UP,1,1,0,2,-,\n";
            let report = page(&format!("{head}{line}\npx,BACKEND,UP,1,1,0,1,-,\n"));
            assert_eq!(report.unread.len(), 1, "{line}");
            assert_eq!(report.backend("px").unwrap().servers.len(), 1, "{line}");
        }
    }

    #[test]
    fn the_comma_at_the_end_of_a_line_may_be_missing_on_either_side() {
        let pages = [
            "# pxname,svname,status,weight,\npx,a,UP,1\n",
            "# pxname,svname,status,weight\npx,a,UP,1,\n",
        ];
        for text in pages {
            let report = page(text);
            assert_eq!(
                (report.unread.len(), report.backends[0].servers.len()),
                (0, 1)
            );
        }
    }

    #[test]
    fn what_is_no_statistics_is_a_failure_and_not_an_empty_load_balancer() {
        for text in ["", "<html>", "a,b,c\n1,2,3\n", "# pxname,svname,status,\n"] {
            let failure = parse(text, StatsVia::Http, "page").unwrap_err();
            assert_eq!(failure.kind, FailureKind::Malformed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(# pxname,svname,status,type\n)?[a-z0-9,\"\n#\r-]{0,200}") {
            let _any = parse(&text, StatsVia::Socket, "page");
        }
    }
}
