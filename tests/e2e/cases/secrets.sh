# shellcheck shell=bash disable=SC2154
# A password is found nowhere but in memory: in no process list, no output, no journal, on no host.

# Where it is handed over differs by no release.
ONCE+=(a_password_is_found_nowhere)

# The words of all processes, again and again; those that hold the password are kept. It is
# given to grep in a file, for grep is a process too.
watch_processes() {
    while :; do
        cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\0' '\n' |
            grep -aF -f "$LAB_STATE/password" >> "$CASE_DIR/seen"
        # What rmqtop starts lives longer than that, and the machine has other work.
        sleep 0.05
    done
}

seen() { [[ -s $CASE_DIR/seen ]]; }

# rmqtop, and nothing of the password in what it said.
quietly() {
    rmqtop "$@"
    expect_not "the password in what '$*' said" grep -qaF -f "$LAB_STATE/password" "$out" "$err"
}

case_a_password_is_found_nowhere() {
    local host format
    start processes watch_processes
    # The net catches what it should.
    sh -c 'sleep 1 && :' sh "$(< "$LAB_STATE/password")"
    eventually 10 "a password in a process list is seen" seen
    : > "$CASE_DIR/seen"
    quietly status --format json
    quietly check
    for format in text json markdown sh; do
        quietly plan policy-set limits --pattern '^orders' --definition '{"max-length":5}' --format "$format"
        expect_code 0
    done
    quietly run policy-set limits --pattern '^orders' --definition '{"max-length":5}' --execute --confirm lab
    expect_code 0
    quietly run policy-clear limits --execute --confirm lab
    expect_code 0
    quietly run restart-app rabbit-node3 --execute --confirm "$NODE3"
    expect_code 0
    quietly runs --format json
    sed -i 's/^password_file = .*/password_command = "cat no-such-file"/' "$CASE_DIR/config.toml"
    quietly status
    expect_not "the password in a process list" seen
    expect "there is a journal" test -n "$(find "$CASE_DIR/state" -type f -size +0)"
    expect_not "the password in the journal" grep -rqaF -f "$LAB_STATE/password" "$CASE_DIR/state"
    for host in "${LAB_HOSTS[@]}"; do
        expect_not "the password on $host" grep -rqaF -f "$LAB_STATE/password" \
            "$(host_root "$host")/var/log" "$(host_root "$host")/tmp" "$(host_root "$host")/root"
    done
}
