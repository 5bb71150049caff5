# shellcheck shell=bash disable=SC2154
# Hosts where the operator logs in as a user of his own, and what needs root goes through sudo.

# What may be run is the host's business, and the packages' scripts are the same in all releases.
ONCE+=(an_operator_who_is_not_root_works_through_sudo)

OPERATOR=anna

# A user with the operator's key; sudo allows what the rules say.
admit_operator() { # host rules
    local home
    inside "$1" sh -c "id -u $OPERATOR > /dev/null 2>&1 || useradd --create-home --shell /bin/sh $OPERATOR"
    home=$(host_root "$1")/home/$OPERATOR
    install -d -m 700 "$home/.ssh"
    cp "$LAB_STATE/id.pub" "$home/.ssh/authorized_keys"
    chown -R --reference="$home" "$home/.ssh"
    printf '%s\n' "$2" > "$(host_root "$1")/etc/sudoers.d/rmqtop"
    chmod 440 "$(host_root "$1")/etc/sudoers.d/rmqtop"
    inside "$1" visudo --check --quiet
}

dismiss_operator() { # host
    rm -f "$(host_root "$1")/etc/sudoers.d/rmqtop"
    inside "$1" sh -c "loginctl terminate-user $OPERATOR 2> /dev/null; userdel --remove --force $OPERATOR 2> /dev/null" || true
}

as_that_operator() {
    sed -i -E "s/^ssh = \"(root@)?([^\"]*)\"/ssh = \"$OPERATOR@\2\"\nsudo = true/" "$(config_file)"
    expect "the configuration has the login" grep -q "^ssh = \"$OPERATOR@" "$(config_file)"
}

case_an_operator_who_is_not_root_works_through_sudo() {
    local host
    for host in "${LAB_HOSTS[@]}"; do admit_operator "$host" "$OPERATOR ALL=(root) NOPASSWD: ALL"; done
    as_that_operator
    rmqtop status --format json
    expect_code 0
    expect "three running nodes" shows '[.nodes[] | select(.state == "running")] | length == 3'
    eventually 30 "check ends with 0, so that every source answers" check_ends_with 0
    destroy leave "$THIRD"
    expect_code 0
    expect_members "$TWO" node1 node2
    destroy join "$THIRD"
    expect_code 0
    expect_members "$THREE" node1 node2 node3
    rmqtop run rolling-restart --only "$THIRD" --execute --confirm "$THIRD"
    expect_code 0
    expect "the app of node3 runs" app_runs rabbit-node3

    rmqtop plan stop-app "$THIRD" --format sh
    expect_code 0
    expect "a script that a person could run there" grep -q 'sudo -n -- rabbitmqctl' "$out"

    # One command that is missing is named before anything is sent.
    admit_operator rabbit-node3 "$OPERATOR ALL=(root) NOPASSWD: ALL, !/usr/sbin/rabbitmqctl * stop_app"
    rmqtop run restart-app "$THIRD" --execute --confirm "$THIRD"
    expect_code 2
    expect "the command that is refused" says 'rabbit-node3 refuses'
    expect "it by its words" says 'stop_app'
    for host in "${LAB_HOSTS[@]}"; do dismiss_operator "$host"; done
}
