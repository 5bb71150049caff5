# shellcheck shell=bash
# Several releases are tested side by side on one machine. A case that measures
# how soon something is told must not have another's load beside it: it takes
# the machine alone, and everything else takes it together. A case whose subject does
# not differ by release is run on one of them.

# The cases that run alone; the files of cases add to it.
ALONE=()

# The cases that run on the newest release only, and those that run on the oldest and the newest:
# what holds on both holds on the one between, which keeps what is its own. The files of cases add
# to them. With E2E_PASSED every case runs on every release.
ONCE=()
TWICE=()
OLDEST=3.10
NEWEST=4.3

is_alone() { is_among "$1" "${ALONE[@]}"; }

is_due() { # case
    [[ $RELEASE != "$NEWEST" && -z ${E2E_PASSED:-} ]] || return 0
    ! is_among "$1" "${ONCE[@]}" && { [[ $RELEASE == "$OLDEST" ]] || ! is_among "$1" "${TWICE[@]}"; }
}

is_among() { # word word...
    local wanted=$1 word
    shift
    for word; do [[ $word != "$wanted" ]] || return 0; done
    return 1
}

# take_turn alone|together: until end_turn. Nobody is overtaken: who waits to be
# alone holds the gate. What is started meanwhile must not inherit 8.
take_turn() {
    local how=--shared
    [[ -n ${RMQTOP_TURNS:-} ]] || return 0
    [[ $1 == together ]] || how=--exclusive
    exec 7> "$RMQTOP_TURNS/gate" 8> "$RMQTOP_TURNS/floor"
    flock 7 && flock "$how" 8
    exec 7>&-
}

end_turn() { exec 8>&-; }
