# shellcheck shell=bash disable=SC2154
# `rmqtop init`: a cluster is found from one of its hosts, and what it wrote works as it stands.

find_cluster() { # destination
    rmqtop init --yes --username "$LAB_USER" --ssh-config "$LAB_STATE/ssh_config" \
        --output "$CASE_DIR/config.toml" "$1"
}

case_a_cluster_is_found_from_one_host_and_what_is_written_works() {
    local before
    # Only the secret is given by hand.
    RMQTOP_PASSWORD=$(< "$LAB_STATE/password")
    export RMQTOP_PASSWORD
    : > "$CASE_DIR/config.toml"
    find_cluster "root@${LAB_ADDRESS[rabbit-node1]}"
    expect_code 0
    expect "the release" says "RabbitMQ $RELEASE."
    expect_not "a secret in the file" grep -qF -e "$RMQTOP_PASSWORD" "$CASE_DIR/config.toml"
    rmqtop check
    expect_code 0
    rmqtop status --format json
    expect "members, load balancers and VIP are seen" shows '
        (.nodes | length == 3 and all(.state == "running"))
        and (.load_balancers | length == 2 and all(.state == "up" and (.servers | length == 3)))
        and (.vips | length == 1 and all(.verdict == "ok"))
        and (.sources | all(.error == null))'
    rmqtop run stop-app rabbit-node3 --execute --confirm rabbit@rabbit-node3
    expect_code 0
    rmqtop check
    expect_code 2
    # Another host finds the same, with a member stopped.
    before=$(< "$CASE_DIR/config.toml")
    find_cluster "root@${LAB_ADDRESS[rabbit-node2]}"
    expect_code 0
    expect "nothing to change" says 'nothing was changed'
    expect "the same file" test "$before" = "$(< "$CASE_DIR/config.toml")"
    rmqtop run start-app rabbit-node3 --execute
    expect_code 0
    find_cluster root@192.168.0.77
    expect_code 1
    expect "the same file" test "$before" = "$(< "$CASE_DIR/config.toml")"
}
