#!/bin/bash
# The life of the service, inside the machine that `run` made: one check a line of the log.
set -u

UNIT=kademlia.service
FAILED=0

check() { # check SENTENCE COMMAND...: whether the command succeeds
    local sentence=$1
    shift
    if "$@"; then echo "ok      $sentence"; else
        echo "FAILED  $sentence"
        FAILED=1
    fi
}

property() { systemctl show --value --property="$1" ${2:-$UNIT}; }
is() { [ "$(property "$1")" = "$2" ]; }
at_most() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a <= b) }'; }

wait_for() { # wait_for SECONDS COMMAND...: until it succeeds
    local ends=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $ends ] || return 1
        sleep 0.2
    done
}

install() {
    local python
    python=$(cat /mnt/test/python)
    "$python" -m venv --without-pip /opt/kademlia
    PYTHONPATH=/mnt/test/tools /opt/kademlia/bin/python -m pip install --quiet --no-index \
        --find-links /mnt/test/wheels --root-user-action ignore kadtwisted
    mkdir -p /etc/kademlia "/etc/systemd/system/$UNIT.d"
    # Quicker than for operators, so that this does not take minutes.
    printf '[Service]\nWatchdogSec=3\nRestartSec=1\n' >"/etc/systemd/system/$UNIT.d/quick.conf"
    echo 'bootstrap = ["127.0.0.1:9000"]' >/etc/kademlia/node.toml
    systemctl daemon-reload
}

start_waits_for_ready() {
    systemctl start kademlia.socket
    systemctl start --no-block $UNIT
    sleep 6
    check "without its network the start is under way" is ActiveState activating
    echo "        status: $(property StatusText)"
    systemd-run --quiet --unit=other /opt/kademlia/bin/twistd -n --pidfile= kademlia \
        --port 9000 --interface 127.0.0.1 --storage memory --state-dir /run/other
    check "once the network is there it is active" wait_for 40 is ActiveState active
    sleep 3
    check "it was started once" is NRestarts 0
    check "it is fed for longer than its watchdog waits" is ActiveState active
    echo "        status: $(property StatusText)"
}

the_watchdog_finds_a_zombie() {
    local before
    before=$(property MainPID)
    kill -STOP "$before"
    check "a process that stands still is replaced" wait_for 30 is NRestarts 1
    check "by one that gets ready" wait_for 30 is ActiveState active
    check "which is another one" test "$(property MainPID)" != "$before"
    check "and has the same identity" test "$(journalctl -u $UNIT -o cat | grep -o 'node [0-9a-f]\{64\}' | sort -u | wc -l)" = 1
}

no_datagram_is_lost() {
    local counting
    /opt/kademlia/bin/python /mnt/test/datagrams.py 127.0.0.1:8000 250 50 >/tmp/datagrams 2>&1 &
    counting=$!
    sleep 2
    systemctl restart $UNIT
    check "every datagram sent around a restart is answered" wait $counting
    sed 's/^/        /' /tmp/datagrams
    check "by the restarted process" is ActiveState active
}

a_reload_keeps_the_process() {
    local before
    before=$(property MainPID)
    printf '[log]\nlevel = "debug"\n' >>/etc/kademlia/node.toml
    check "a reload succeeds" systemctl reload $UNIT
    check "the process is the same" is MainPID "$before"
    check "and active" wait_for 5 is ActiveState active
    check "the log tells of it" \
        wait_for 5 sh -c "journalctl -u $UNIT -o cat | grep -q 'log.level: applied from'"
    check "its lines have no prefix in the journal" \
        sh -c "! journalctl -u $UNIT -o cat | grep '^<'"
    check "but a priority" \
        sh -c "journalctl -u $UNIT -p 4..4 -o cat | grep -q 'trying again until one answers'"
}

a_stop_is_quick() {
    local began took
    systemctl stop kademlia.socket 2>/dev/null
    wait_for 5 is ActiveState inactive || systemctl start $UNIT
    wait_for 40 is ActiveState active
    began=$(date +%s%N)
    systemctl stop kademlia.socket $UNIT
    took=$(awk -v ns=$(($(date +%s%N) - began)) 'BEGIN { print ns / 1e9 }')
    check "a stop takes at most 2 s ($took s)" at_most "$took" 2
    check "and is a success" is Result success
}

mistakes_are_not_repeated() {
    echo 'port = "eight thousand"' >/etc/kademlia/node.toml
    check "a configuration that cannot be used fails" sh -c "! systemctl start $UNIT 2>/dev/null"
    sleep 3
    check "and is not tried again" is ActiveState failed
    check "the journal says why" \
        sh -c "journalctl -u $UNIT -o cat -n 20 | grep -q 'eight thousand'"
}

the_score() {
    local score
    score=$(systemd-analyze security $UNIT --no-pager | sed -n 's/.*: \([0-9.]*\) .*/\1/p' | tail -1)
    check "exposure: $score" at_most "${score:-10}" 1.5
}

install
start_waits_for_ready
the_watchdog_finds_a_zombie
no_datagram_is_lost
a_reload_keeps_the_process
a_stop_is_quick
mistakes_are_not_repeated
the_score

if [ $FAILED = 0 ]; then touch /mnt/test/passed; else
    echo "--- the journal of $UNIT"
    journalctl -u $UNIT --no-pager | tail -100
fi
