//! Owns the reading of HAProxy's statistics: columns by the header's names, because every release
//! has others; a line that is cut or broken is counted and costs only itself.

use crate::model::balancer::{
    Backend, BalancerReport, Frontend, ServerRow, ServerStatus, StatsVia,
};
use crate::model::observation::{FailureKind, SourceFailure};
use crate::model::text::Shown;
use csv::{ReaderBuilder, StringRecord};
use std::collections::BTreeMap;

/// The header's columns by name.
struct Header {
    columns: BTreeMap<String, usize>,
    /// Cells a whole line has at least.
    width: usize,
}

impl Header {
    /// Reads `# pxname,svname,…`. After a column `-` anything may follow and nothing is taken.
    fn parse(record: &StringRecord) -> Option<Self> {
        let mut columns = BTreeMap::new();
        for (place, name) in record.iter().enumerate() {
            let name = name.trim_start_matches(['#', ' ']).trim();
            if name == "-" {
                break;
            }
            if !name.is_empty() {
                columns.entry(name.to_owned()).or_insert(place);
            }
        }
        let width = columns.values().max()? + 1;
        let needed = ["pxname", "svname", "status"];
        needed
            .iter()
            .all(|name| columns.contains_key(*name))
            .then_some(Self { columns, width })
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
enum Subject {
    Frontend,
    Backend,
    Server,
    Listener,
}

fn subject(line: &Line<'_>) -> Subject {
    match (line.get("type"), line.get("svname")) {
        (Some("0"), _) | (None, Some("FRONTEND")) => Subject::Frontend,
        (Some("1"), _) | (None, Some("BACKEND")) => Subject::Backend,
        (Some("3"), _) => Subject::Listener,
        _ => Subject::Server,
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
        let is_good = record.is_ok_and(|record| {
            let line = Line {
                header: &header,
                record: &record,
            };
            record.len() >= header.width && add(&mut report, &line).is_some()
        });
        if is_good {
            understood += 1;
        } else {
            report.skipped_rows += 1;
        }
    }
    if understood == 0 {
        return Err(fault("no readable line"));
    }
    Ok(report)
}

/// Adds a line to the report; `None` if it names nothing.
fn add(report: &mut BalancerReport, line: &Line<'_>) -> Option<()> {
    let proxy = line.text("pxname")?;
    let name = line.text("svname")?;
    match subject(line) {
        Subject::Frontend => report.frontends.push(Frontend {
            name: proxy,
            status: line.text("status").unwrap_or_default(),
            sessions: line.count("scur"),
            session_limit: line.count("slim"),
            rate: line.count("rate"),
        }),
        Subject::Backend => {
            let backend = backend(report, proxy)?;
            backend.status = line.text("status").unwrap_or_default();
            backend.sessions = line.count("scur");
            backend.active = line.count("act");
        }
        Subject::Server => {
            let server = server(name, line);
            backend(report, proxy)?.servers.push(server);
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

fn server(name: Shown, line: &Line<'_>) -> ServerRow {
    ServerRow {
        name,
        status: ServerStatus::parse(line.get("status").unwrap_or_default()),
        sessions: line.count("scur"),
        weight: line.count("weight"),
        // `* ` marks a check that is under way; what stands after it is the last result.
        check_status: line
            .get("check_status")
            .map(|status| Shown::new(status.trim_start_matches("* "))),
        check_text: line.text("last_chk").or_else(|| line.text("check_desc")),
        last_change_s: line.count("lastchg"),
        address: line.text("addr"),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::model::balancer::{BalancerReport, ServerStatus, StatsVia};
    use crate::model::observation::FailureKind;
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
        assert_eq!(report.skipped_rows, 0);
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
    fn a_cut_line_is_counted_and_the_rest_stands() {
        let report = page("# pxname,svname,status,weight,\npx,a,UP,1,\npx,b,U");
        assert_eq!(report.skipped_rows, 1);
        assert_eq!(report.backend("px").unwrap().servers.len(), 1);
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
