//! Owns what is asked of keepalived's host: its files, without the secrets in them, and how it
//! fares. The scripts are constants, and read only.
//!
//! Secrets are taken out on the host, before anything travels: the whole `authentication` block,
//! values of keywords that name a password, arguments of scripts, comments, and what definitions
//! hold unless it is a number, an address, an interface, a path, or configuration itself.

use super::Argv;
use crate::model::name::ServiceName;

/// Prints `id NAME`, then `file PATH` with the lines of that file, each behind a bar; for a
/// pattern `pattern PATTERN` first, and the files it stands for. `skipped PATH` is one that
/// keepalived would not read either, `cut PATH` one that is too long; `end` proves the whole.
///
/// Without a pattern it is the file that the running keepalived was given, else the usual one.
const FILES: &str = r##"# reads only
LC_ALL=C
export LC_ALL
main=/etc/keepalived/keepalived.conf
id=$(uname -n)
id=${id%%.*}
for process in /proc/[0-9]*; do
    { read -r name < "$process/comm"; } 2> /dev/null || continue
    [ "$name" = keepalived ] && [ "$(readlink "$process/root")" = / ] || continue
    given=$(tr '\0' '\n' < "$process/cmdline" | awk '
        want { print want " " $0; want = ""; next }
        /^(-f|--use-file)$/ { want = "main" }
        /^(-i|--config-id)$/ { want = "id" }
        sub(/^(-f|--use-file=)/, "") && $0 != "" { print "main " $0 }
        sub(/^(-i|--config-id=)/, "") && $0 != "" { print "id " $0 }')
    main=$(printf '%s\n' "$given" | sed -n 's/^main \(\/\)/\1/p' | grep . || echo "$main")
    id=$(printf '%s\n' "$given" | sed -n 's/^id //p' | grep . || echo "$id")
    break
done
folders=${main%/*}/*
for pattern; do folders="$folders ${pattern%/*}/*"; done
named=$(grep -hsE 'auth_pass|passw|secret|token' $folders 2> /dev/null | tr '${}' '\n  ' | awk '
    NR > 1 { sub(/[^A-Za-z0-9_].*/, ""); printf " %s", $0 }')
links=$(ls /sys/class/net | tr '\n' ' ')
print_file() {
    if [ ! -f "$1" ] || [ ! -r "$1" ] || [ -x "$1" ]; then
        echo "skipped $1"
        return
    fi
    [ "$(wc -c < "$1")" -le 262144 ] || { echo "cut $1"; return; }
    echo "file $1"
    awk -v named="$named " -v links=" $links" '
    function harmless(value) {
        return value == "" || value ~ /^[0-9][0-9]?[0-9]?$/ || value ~ /^(MASTER|BACKUP)$/ ||
            value ~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(\/[0-9]+)?$/ ||
            value ~ /^[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:]*(\/[0-9]+)?$/ ||
            value ~ /^\/[^ \t]*$/ || index(links, " " value " ")
    }
    function rule(part,    lead, word, rest, tail, program) {
        if (part !~ /[^ \t]/) return part
        if (hidden) return ""
        match(part, /^[ \t]*(@[^ \t]*[ \t]+)?/)
        lead = substr(part, 1, RLENGTH)
        part = substr(part, RLENGTH + 1)
        word = part
        sub(/[ \t"].*/, "", word)
        last = word
        if (part ~ /^\$[A-Za-z_][A-Za-z0-9_]*[ \t]*=/) {
            word = part
            sub(/[ \t]*=.*/, "", word)
            rest = substr(part, index(part, "=") + 1)
            sub(/^[ \t]+/, "", rest)
            tail = sub(/[ \t]*\\$/, "", rest) ? " \\" : ""
            sub(/[ \t]+$/, "", rest)
            if (index(named, " " substr(word, 2) " ") || tolower(word) ~ /pass|pw|secret|auth|key|token/) {
                muted = tail != ""
                return lead word "=<removed>"
            }
            if (harmless(rest)) return lead word "=" rest tail
            if (tail != "" || opens) return lead word "=" rule(rest) tail
            return lead word "=<removed>"
        }
        if (word ~ /^~/) {
            rest = part
            gsub(/[^A-Za-z0-9_]+/, " ", rest)
            if (part ~ /auth_pass|passw|secret|token/) return lead "<removed>"
            tail = substr(part, index(part, "(") + 1)
            sub(/[^A-Za-z0-9_].*/, "", tail)
            if (index(named, " " tail " ")) return lead "<removed>"
            return lead part
        }
        if (match(part, /(auth_pass|passwd|password|passphrase|secret|token)/))
            return lead substr(part, 1, RSTART + RLENGTH - 1) " <removed>"
        if (word ~ /^(script|misc_path|notify|notify_.*|quorum_up|quorum_down|path|url|digest)$/) {
            rest = substr(part, length(word) + 1)
            sub(/^[ \t]+/, "", rest)
            tail = rest ~ /^"/ ? "\"" : ""
            gsub(/"/, "", rest)
            sub(/[ \t]+$/, "", rest)
            program = rest
            sub(/[ \t].*/, "", program)
            if (word ~ /^(path|url|digest)$/) return lead word " <removed>"
            if (program == rest || program ~ /(^|\/)(killall|pidof|pgrep|systemctl)$/ && rest !~ /[^A-Za-z0-9_. \t\/-]/)
                return lead word " " tail rest tail
            return lead word " \"" program " <removed>\""
        }
        return lead part
    }
    {
        line = $0
        sub(/\r+$/, "", line)
        if (muted) {
            muted = line ~ /\\$/
            print "|" (muted ? "\\" : "")
            next
        }
        out = ""; part = ""; quoted = 0; note = ""
        size = length(line)
        opens = line ~ /[{}]/
        for (i = 1; i <= size; i++) {
            c = substr(line, i, 1)
            if (c == "\"") quoted = !quoted
            if (!quoted && c == "\\" && i < size) { part = part c substr(line, ++i, 1); continue }
            if (!quoted && (c == "#" || c == "!")) {
                note = substr(line, i)
                if (note !~ /^[#!]+ *rmqtop:/) note = c
                break
            }
            if (!quoted && c == "{" && substr(line, i - 1, 1) == "$") {
                while (i < size && substr(line, i, 1) != "}") part = part substr(line, i++, 1)
                part = part substr(line, i, 1)
                continue
            }
            if (!quoted && (c == "{" || c == "}")) {
                out = out rule(part) c
                if (c == "{" && last == "authentication") hidden = 1
                if (c == "}") hidden = 0
                part = ""; last = ""
                continue
            }
            part = part c
        }
        print "|" out rule(part) note
    }' "$1"
}
echo "id $id"
if [ $# = 0 ]; then
    echo "main $main"
    print_file "$main"
else
    IFS=
    for pattern; do
        echo "pattern $pattern"
        for path in $pattern; do
            [ ! -e "$path" ] || print_file "$path"
        done
    done
fi
echo end"##;

/// What systemd says of the service, how many keepalived processes there are, which links are up,
/// and what keepalived last logged about its instances and checks.
const STATE: &str = r#"# reads only
LC_ALL=C
export LC_ALL
systemctl show "$1" --property=LoadState --property=ActiveState --property=SubState || exit
count=0
for process in /proc/[0-9]*; do
    { read -r name < "$process/comm"; } 2> /dev/null || continue
    root=$(readlink "$process/root" 2> /dev/null || echo /)
    [ "$name" = keepalived ] && [ "$root" = / ] && count=$((count + 1))
done
echo "processes=$count"
for link in /sys/class/net/*; do
    { read -r state < "$link/operstate" && read -r flags < "$link/flags"; } 2> /dev/null || continue
    [ $((flags & 1)) = 1 ] || state=down
    echo "link=${link##*/} $state"
done
journalctl -q -t Keepalived_vrrp -n 100 -o cat 2> /dev/null |
    grep -E 'Entering .* STATE|VRRP_Script\(|now returning|is down|Netlink reports|permanent error|FAULT' |
    tail -n 12 | sed 's/^/log=/'
echo end"#;

/// An absolute path, or a pattern of such, that an include may name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePattern(String);

impl FilePattern {
    /// Takes letters, digits, `/ . - _ + @ = , : ~ %` and the wild cards `* ? [ ]`.
    pub fn parse(text: &str) -> Option<Self> {
        let ok = text.starts_with('/')
            && text.len() <= 255
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/.-_+@=,:~%*?[]".contains(c));
        ok.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(super) fn files(of: &[FilePattern]) -> Argv {
    let mut argv = Argv::new("sh", ["-c", FILES, "rmqtop"]);
    argv.args.extend(of.iter().map(|pattern| pattern.0.clone()));
    argv
}

pub(super) fn state(service: &ServiceName) -> Argv {
    Argv::new("sh", ["-c", STATE, "rmqtop", service.as_str()])
}

#[cfg(test)]
mod tests {
    use super::{FILES, FilePattern, files};
    use std::process::Command;

    /// What a host would send of one file.
    fn sent(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vrrp.conf");
        std::fs::write(&path, text).unwrap();
        let output = Command::new("sh")
            .args(["-c", FILES, "rmqtop", path.to_str().unwrap()])
            .output()
            .unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let (head, lines) = told
            .split_once(&format!("\nfile {}\n", path.display()))
            .unwrap();
        assert!(head.starts_with("id "), "{head}");
        lines.strip_suffix("end\n").unwrap().to_owned()
    }

    #[test]
    fn no_secret_leaves_the_host() {
        let lines = sent(
            "# old auth_pass geheim\n$PW=geheim\n$LATER=geheim\n$MANY=auth_pass \\\n geheim \\\n geheim\n\
             vrrp_script a { script \"/bin/curl -u me:geheim http://x\" weight 2 }\n\
             vrrp_instance V{\n authentication\n {\n  auth_type PASS\n  auth_pass \"geheim}geheim\"\n }\n \
             authentication { auth_type PASS auth_pass geheim } nopreempt\n \
             @host auth_pass $LATER\n ~LST(LATER, geheim, geheim) x $LATER\n \
             notify_master \"/bin/tell geheim\"\n}\nSSL {\r\n  password geheim\r\n}\n",
        );
        assert!(!lines.contains("geheim"), "{lines}");
        assert!(lines.contains("} nopreempt\n"), "{lines}");
    }

    #[test]
    fn what_is_no_secret_stays_where_it_was() {
        let text = "$IF=lo\n$P=100\n$IPS=virtual_ipaddress { \\\n 10.0.0.9/24 fd00::9 \\\n}\n\
                    vrrp_script chk {\n script \"/usr/bin/killall -0 haproxy\"\n weight 10\n}\n\
                    vrrp_instance V\n{\n  interface ${IF}\n  priority $P\n  # rmqtop: accept L5 short\n}\n";
        let lines = sent(text);
        let expected: Vec<String> = text.lines().map(|line| format!("|{line}\n")).collect();
        assert_eq!(
            lines.replace("virtual_ipaddress{", "virtual_ipaddress {"),
            expected.concat()
        );
    }

    #[test]
    fn only_a_plain_pattern_is_asked_for() {
        for good in ["/etc/keepalived/conf.d/*.conf", "/srv/[ab]/x_1.conf"] {
            let pattern = FilePattern::parse(good).unwrap();
            assert_eq!(files(&[pattern]).args.last().unwrap(), good);
        }
        for bad in [
            "", "x.conf", "/a b", "/$(id)", "/`id`", "/a;b", "/a\nb", "/\"a", "/a{b}",
        ] {
            assert_eq!(FilePattern::parse(bad), None, "{bad:?}");
        }
    }
}
