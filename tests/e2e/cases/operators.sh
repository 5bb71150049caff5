# shellcheck shell=bash disable=SC2154
# Two operators at two desks who do the same at the same moment: each with a state
# folder of his own, so that only what they take on the hosts keeps them apart.

ONCE+=(of_two_operators_at_once_exactly_one_runs)

# Enough to see that it holds at all; by hand: OPERATOR_TRIES=100, and CASE_SECONDS to match.
OPERATOR_TRIES=${OPERATOR_TRIES:-4}

operate_as() { # name runbook
    local CASE_DIR=$CASE_DIR/$1
    rmqtop_raw run "$2" "$NODE3" --execute --confirm "$NODE3" --format jsonl
}

# The exit codes of both, the lower first.
both_run() { # runbook
    local name pid code codes=()
    for name in anna bert; do
        mkdir -p "$CASE_DIR/$name"
        start "$name" operate_as "$name" "$1"
    done
    for pid in "${background[@]: -2}"; do
        code=0
        wait "$pid" || code=$?
        codes+=("$code")
    done
    printf '%s\n' "${codes[@]}" | sort -n | xargs > "$CASE_DIR/codes"
}

sent_to_node3() { recorded rabbit-node3 | { grep -oE '(stop|start)_app' || true; } | xargs; }

case_of_two_operators_at_once_exactly_one_runs() {
    local tries=0 held=0 blind=0 runbook codes
    record_commands
    while ((tries < OPERATOR_TRIES)); do
        runbook=stop-app
        ((tries % 2 == 0)) || runbook=start-app
        : > "$(host_root rabbit-node3)/root/recorded"
        both_run "$runbook"
        codes=$(< "$CASE_DIR/codes")
        if [[ $codes == '2 2' ]]; then
            # Hosts that six connections at once keep from answering: nobody may act, and nobody did.
            blind=$((blind + 1))
            expect_same "what two refused operators sent" "" "$(sent_to_node3)"
            expect "a host that answers after $blind tries" test "$blind" -le $((OPERATOR_TRIES * 5))
            continue
        fi
        tries=$((tries + 1))
        expect_same "try $tries: what reached node3" "${runbook/-/_}" "$(sent_to_node3)"
        case $codes in
            '0 5') held=$((held + 1)) ;;
            # The other came so late that there was nothing left to do, or looked in the middle.
            '0 0' | '0 2') ;;
            *) fail "try $tries: one done and one refused, not exit codes $codes" ;;
        esac
        if [[ $runbook == stop-app ]]; then
            eventually 30 "node3 is app_stopped" status_shows 'node("node3").state == "app_stopped"'
        else
            eventually 60 "check ends with 0" check_ends_with 0
        fi
    done
    figure "two operators at once, $tries tries: one ran each time; the other was held off by the host's lock in $held"
    ((blind == 0)) || figure "two operators at once: in $blind more tries neither saw enough to act"
}
