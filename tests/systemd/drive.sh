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
seconds() { # seconds COMMAND...: how many it takes, in $TOOK; its status
    local began status=0
    began=$(date +%s%N)
    "$@" || status=$?
    TOOK=$(awk -v ns=$(($(date +%s%N) - began)) 'BEGIN { print ns / 1e9 }')
    return $status
}
quietly() { "$@" >/dev/null; }
fails() { ! "$@" >/dev/null 2>&1; }
kad() { /opt/kademlia/bin/kad "$@"; }
said() { journalctl -u $UNIT -o cat --since "$SINCE" | grep -q "$1"; }
settle() { # what is new counts from now
    journalctl --sync
    SINCE=$(date '+%F %T.%6N')
}
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

a_boot_waits_for_nobody() {
    systemctl --quiet enable kademlia.socket $UNIT
    check "without its network the machine boots" seconds timeout 60 systemctl start multi-user.target
    check "within 10 s ($TOOK s)" at_most "$TOOK" 10
    check "the service is active" is ActiveState active
    check "its status is joining" wait_for 5 sh -c "systemctl show $UNIT | grep -q '^StatusText=joining'"
    systemctl start --no-block kademlia-wait-online.service
    sleep 6
    check "who waits for the network still waits" \
        test "$(property ActiveState kademlia-wait-online.service)" = activating
    systemd-run --quiet --unit=other /opt/kademlia/bin/twistd -n --pidfile= kademlia \
        --port 9000 --interface 127.0.0.1 --storage memory --state-dir /run/other
    check "once the network is there he waits no longer" \
        wait_for 40 systemctl --quiet is-active kademlia-wait-online.service
    sleep 3
    check "the node was started once" is NRestarts 0
    check "it is fed for longer than its watchdog waits" is ActiveState active
    echo "        status: $(property StatusText)"
}

an_instance_is_a_port() {
    systemctl start kademlia@8001.socket kademlia@8001.service
    check "a second node runs" test "$(property ActiveState kademlia@8001.service)" = active
    check "and gets into the network" \
        quietly kad wait --timeout 30s --state-dir /var/lib/kademlia-8001
    check "at its port" sh -c \
        "/opt/kademlia/bin/kad status --json --state-dir /var/lib/kademlia-8001 | grep -q ':8001'"
    systemctl stop kademlia@8001.socket kademlia@8001.service
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

listen_on() { # listen_on ADDRESS LINE...: the socket unit listens there alone
    local address=$1
    shift
    systemctl stop kademlia.socket $UNIT
    mkdir -p /etc/systemd/system/kademlia.socket.d
    printf '%s\n' '[Socket]' ListenDatagram= "ListenDatagram=$address" "$@" \
        >/etc/systemd/system/kademlia.socket.d/address.conf
    systemctl reset-failed
    systemctl daemon-reload
}

an_address_may_come_late() {
    listen_on 10.99.0.1:8000
    check "a socket can be bound before its address is there" systemctl start kademlia.socket $UNIT
    ip address add 10.99.0.1/32 dev lo
    check "and is reached when it is" quietly kad ping 10.99.0.1:8000 --network kad

    listen_on 10.98.0.1:8000 FreeBind=no
    settle
    systemctl start --no-block $UNIT
    check "without its socket the service says so" \
        wait_for 20 said 'kademlia.socket is enabled but has handed over no socket'
    check "and listens nowhere else" sh -c "! ss -Huln | grep -q ':8000 '"
    ip address add 10.98.0.1/32 dev lo
    check "both come when the address does" wait_for 40 is ActiveState active
    check "and are there" quietly kad ping 10.98.0.1:8000 --network kad
    systemctl stop kademlia.socket $UNIT
    rm -r /etc/systemd/system/kademlia.socket.d
    systemctl reset-failed
    systemctl daemon-reload
}

root_gives_what_it_makes() {
    local state=/var/lib/private/kademlia
    systemctl start kademlia.socket $UNIT
    kad wait --timeout 30s >/dev/null 2>&1
    kad store name value >/dev/null 2>&1
    systemctl stop kademlia.socket $UNIT
    check "root exports the records of the service" kad export /tmp/records.kad
    rm $state/records.sqlite*
    check "and imports them" kad import /tmp/records.kad
    check "all files are the service's" \
        test "$(stat -c %u $state/* | sort -u)" = "$(stat -c %u $state)"
    check "which starts" systemctl start kademlia.socket $UNIT
    check "and has them" test "$(kad get name 2>/dev/null)" = value
}

a_secret_is_handed_over() {
    (umask 077 && echo 0123456789abcdef0123456789abcdef >/etc/kademlia/network.secret)
    printf '%s\n' '[Service]' LoadCredential=network-secret:/etc/kademlia/network.secret \
        ExecStart= "ExecStart=/opt/kademlia/bin/twistd --nodaemon --pidfile= kademlia \\" \
        '    --network-secret-file ${CREDENTIALS_DIRECTORY}/network-secret' \
        >/etc/systemd/system/$UNIT.d/secret.conf
    systemctl daemon-reload
    check "a node with a secret of root's starts" systemctl restart $UNIT
    check "it answers who knows it" quietly kad ping 127.0.0.1:8000 \
        --network-secret-file /etc/kademlia/network.secret
    check "and nobody else" fails kad ping 127.0.0.1:8000 --network kad --timeout 3
    rm /etc/systemd/system/$UNIT.d/secret.conf
    systemctl daemon-reload
}

mistakes_are_not_repeated() {
    # Else each datagram that arrives would start the service again.
    systemctl --quiet disable kademlia.socket
    systemctl stop kademlia.socket $UNIT
    echo 'port = "eight thousand"' >/etc/kademlia/node.toml
    settle
    check "a configuration that cannot be used fails" sh -c "! systemctl start $UNIT 2>/dev/null"
    sleep 3
    check "and is not tried again" is ActiveState failed
    journalctl --sync
    journalctl _SYSTEMD_UNIT=$UNIT -p warning -o cat --since "$SINCE" >/tmp/told
    check "the journal says why, in one line that is an error" \
        sh -c "[ \$(wc -l </tmp/told) = 1 ] && grep -q 'eight thousand' /tmp/told"
    sed 's/^/        /' /tmp/told
    check "and nothing else" sh -c \
        "[ \$(journalctl _SYSTEMD_UNIT=$UNIT -o cat --since '$SINCE' | wc -l) = 1 ]"
}

the_score() {
    local score
    score=$(systemd-analyze security $UNIT --no-pager | sed -n 's/.*: \([0-9.]*\) .*/\1/p' | tail -1)
    check "exposure: $score" at_most "${score:-10}" 1.5
}

install
a_boot_waits_for_nobody
an_instance_is_a_port
the_watchdog_finds_a_zombie
no_datagram_is_lost
a_reload_keeps_the_process
a_stop_is_quick
an_address_may_come_late
root_gives_what_it_makes
a_secret_is_handed_over
mistakes_are_not_repeated
the_score

if [ $FAILED = 0 ]; then touch /mnt/test/passed; else
    echo "--- the journal of $UNIT"
    journalctl -u $UNIT --no-pager | tail -100
fi
