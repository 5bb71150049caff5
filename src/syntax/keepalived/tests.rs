//! Proves the parser on what real files do, and that no file makes it lose a byte or panic.

use super::{Config, Files, Statement, TokenKind, lex, read};
use proptest::prelude::*;
use rstest::rstest;

const MAIN: &str = "/etc/keepalived/keepalived.conf";

fn files(texts: &[(&str, &str)]) -> Files {
    Files {
        main: MAIN.to_owned(),
        texts: texts
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect(),
        matches: [].into(),
        id: "rabbit-node1".to_owned(),
    }
}

fn of(text: &str) -> Config {
    read(&files(&[(MAIN, text)]))
}

/// The statements as `keyword value {inner}`.
fn drawn(statements: &[Statement]) -> String {
    let one = |statement: &Statement| {
        let words = statement.words.join(" ");
        match &statement.block {
            Some(block) => format!("{words} {{{}}}", drawn(block)),
            None => words,
        }
    };
    statements.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[rstest]
#[case::plain(
    "vrrp_instance V {\n  priority 100 # hundred\n}\n",
    "vrrp_instance V {priority 100}"
)]
#[case::brace_on_the_next_line(
    "vrrp_instance V\n\n{\npriority 100\n}",
    "vrrp_instance V {priority 100}"
)]
#[case::one_line(
    "virtual_ipaddress { 10.0.0.9 10.0.0.8/24 }",
    "virtual_ipaddress {10.0.0.9 10.0.0.8/24}"
)]
#[case::brace_at_a_word("a b{c}d", "a b {c}; d")]
#[case::comments("! all\n# of\na!b\nc#d\n", "a; c")]
#[case::escaped("a \\#b \\!c", "a #b !c")]
#[case::quoted(
    "script \"/bin/x -a # {no} !\" 'b c'",
    "script /bin/x -a # {no} ! 'b c'"
)]
#[case::other_line_ends("a 1\r\nb 2\r\n", "a 1; b 2")]
#[case::condition(
    "@rabbit-node1 a 1\n@other b 2\n@^other c 3\n@^rabbit-node1 d 4\n@alone\n",
    "a 1; c 3"
)]
#[case::definition(
    "$IF=eth0\n$N = 7\ninterface $IF\nx ${N}0 $N, $Nx\n",
    "interface eth0; x 70 7, $Nx"
)]
#[case::nested_definition("$A=1\n$B=$A$A ${A}\nx $B\n", "x $A1 1")]
#[case::long_definition(
    "$V=virtual_ipaddress { \\\n  10.0.0.9 \\\n }\n\nv {\n $V\n}",
    "v {virtual_ipaddress {10.0.0.9}}"
)]
#[case::empty_first_line("$V=\\\n a 1 \\\n b 2\n$V\nc 3\n", "a 1; b 2; c 3")]
#[case::sequence(
    "~SEQ(I, 1, 3) a $I\n~SEQ(I, 4, -2, 1) b $I\n~SEQx(I, 9, 11) c $I\n",
    "a 1; a 2; a 3; b 4; b 2; c 9; c a; c b"
)]
#[case::list("~LST(X, eth0, eth1) i $X\n", "i eth0; i eth1")]
#[case::unknown_definition("a ${NOT} $_ENV", "a ${NOT} $_ENV")]
#[case::no_final_line_end("a 1", "a 1")]
fn statements_are_those_keepalived_sees(#[case] text: &str, #[case] expected: &str) {
    let config = of(text);
    assert_eq!(drawn(&config.body), expected);
    assert_eq!(config.faults, []);
}

#[rstest]
#[case("a }\nb", "`}` closes nothing", "a; b")]
#[case("{ a }", "`{` belongs to no keyword", " {a}")]
#[case("v {\n a", "the block is not closed", "v {a}")]
#[case("a \"b c\nd", "a quote is not closed", "a b c; d")]
#[case("~SEQ(I) x", "`~SEQ(I) x` is not understood", "")]
#[case("$A=$B\n$B=$A\nx $A\n", "", "x $A")]
#[case("$A=$A$A$A ${A}\nx ${A}\n", "", "")]
fn what_is_not_understood_is_told(#[case] text: &str, #[case] what: &str, #[case] rest: &str) {
    let config = of(text);
    let told: Vec<&str> = config
        .faults
        .iter()
        .map(|fault| fault.what.as_str())
        .collect();
    if what.is_empty() {
        return;
    }
    assert_eq!(told, [what]);
    assert_eq!(drawn(&config.body), rest);
}

#[test]
fn includes_are_asked_for_and_then_read_in_their_place() {
    let main = "a\nv {\n include conf.d/*.conf\n}\nincluder /srv/{x,y}.conf\n";
    let mut known = files(&[(MAIN, main)]);
    let config = read(&known);
    let wanted: Vec<(&str, usize)> = config
        .wanted
        .iter()
        .map(|include| (include.pattern.as_str(), include.at.line))
        .collect();
    assert_eq!(
        wanted,
        [
            ("/etc/keepalived/conf.d/*.conf", 3),
            ("/srv/x.conf", 5),
            ("/srv/y.conf", 5)
        ]
    );
    let first = "/etc/keepalived/conf.d/1.conf";
    known.matches = [
        ("/etc/keepalived/conf.d/*.conf", vec![first.to_owned()]),
        ("/srv/x.conf", vec!["/srv/x.conf".to_owned()]),
        ("/srv/y.conf", Vec::new()),
    ]
    .map(|(pattern, paths)| (pattern.to_owned(), paths))
    .into();
    known
        .texts
        .insert(first.to_owned(), "b 1\nc {\n".to_owned());
    known
        .texts
        .insert("/srv/x.conf".to_owned(), "} include z\n".to_owned());
    let config = read(&known);
    assert_eq!(drawn(&config.body), "a; v {b 1; c {}}; include z");
    assert_eq!(config.faults.len(), 1);
    assert_eq!(
        config.faults[0].what,
        "/srv/y.conf is included and does not exist"
    );
    let inner = &config.body[1].inner()[0];
    assert_eq!((inner.at.file.as_str(), inner.at.line), (first, 1));
}

#[test]
fn a_file_that_includes_itself_ends() {
    let mut known = files(&[(MAIN, "a\ninclude keepalived.conf\n")]);
    known.matches = [(MAIN.to_owned(), vec![MAIN.to_owned()])].into();
    let config = read(&known);
    assert_eq!(config.faults.len(), 1, "{:?}", config.faults);
    assert!(config.body.len() < 32);
}

proptest! {
    #[test]
    fn tokens_are_the_file(text in "([ \\t\\r\\n{}\"!#\\\\$@~,()=é]|[a-zA-Z_0-9]{1,3}|include |~SEQ\\(|\\$\\{){0,120}") {
        let tokens = lex(&text);
        let again: String = tokens.iter().map(|token| token.text(&text)).collect();
        prop_assert_eq!(&again, &text);
        let ends = tokens.iter().filter(|token| token.kind == TokenKind::LineEnd);
        prop_assert!(ends.count() <= text.chars().count());
        read(&files(&[(MAIN, &text)]));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        let again: String = lex(&text).iter().map(|token| token.text(&text)).collect();
        prop_assert_eq!(&again, &text);
        read(&files(&[(MAIN, &text)]));
    }
}
