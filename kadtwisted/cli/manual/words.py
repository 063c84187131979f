"""The words of the manual pages, in mdoc(7); what ``manual`` fills in stands as ``%NAME%``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KAD = r"""
.Dd %DATE%
.Dt KAD 1
.Os kadtwisted %VERSION%
.Sh NAME
.Nm kad
.Nd run a Kademlia node, store and fetch values
.Sh SYNOPSIS
.Nm
.Op Ar global options
.Ar verb
.Op Ar options
.Sh DESCRIPTION
.Nm
uses a network of nodes that together keep one table of small values:
at most 996 bytes under a name, for at most 48 hours unless they are published again.
.Pp
A verb is performed by a node of its own that ends with it, keeps nothing for others and joins
through
.Fl -bootstrap ;
or by a node that runs already, if
.Fl -state-dir
names its state directory and no
.Fl -bootstrap
is given.
A value goes to standard output, byte for byte; all else that people read goes to standard error,
unless it is what was asked for.
An error is one sentence.
.Pp
An
.Ar address
is
.Ar HOST:PORT ,
.Ar [IPV6]:PORT
or
.Ar KEY@HOST:PORT ,
where KEY, 64 hexadecimal digits, pins who must answer.
A
.Ar time
is a number of seconds, or one with a unit: 90m, 24h, 2d.
.Ss Global options
They may stand before or after the verb.
%GLOBALS%
%VERBS%
.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev KADTWISTED_*
The options of a daemon, see
.Xr node.toml 5 :
only
.Cm config check
looks at them.
.It Ev STATE_DIRECTORY , Ev XDG_STATE_HOME , Ev HOME
Where
.Cm status
and
.Cm routing
look for a daemon of this
.Fl -port
if no
.Fl -state-dir
is given, see
.Xr kademlia 8 .
.El
.Sh FILES
The files of a state directory are described in
.Xr kademlia 8 .
.Sh EXIT STATUS
%CODES%
.Sh EXAMPLES
The first node of a network, another one, and a value:
.Bd -literal -offset indent
kad bootstrap \-\-port 8000
kad join \-\-port 8001 \-\-bootstrap 127.0.0.1:8000
kad store \-\-bootstrap 127.0.0.1:8000 \-\-key mykey \-\-value myvalue
kad get \-\-bootstrap 127.0.0.1:8001 \-\-key mykey
.Ed
.Pp
What a daemon on this machine says of itself, and all of its records in a file:
.Bd -literal -offset indent
kad status \-\-state-dir /var/lib/kademlia
kad export \-\-state-dir /var/lib/kademlia records.kad
.Ed
.Sh SEE ALSO
.Xr twistd 1 ,
.Xr node.toml 5 ,
.Xr kademlia 8
.Rs
.%A Petar Maymounkov
.%A David Mazieres
.%T Kademlia: A Peer-to-peer Information System Based on the XOR Metric
.%D 2002
.Re
.Sh CAVEATS
Anybody on a network may read, replace and delete the values in it.
Sign what matters; keep others out by a secret.
"""

OF_VERBS: Mapping[str, str] = MappingProxyType(
    {
        "bootstrap": r"""
It runs until it is interrupted, and keeps no state unless
.Fl -state-dir
is given.
A node that stays is better run as a daemon, see
.Xr kademlia 8 .
""",
        "join": r"""
As
.Cm bootstrap ,
but an address to join through is needed; that is tried again and again until it works.
""",
        "store": r"""
The receipt on standard error names the nodes that keep the value, and for how long.
The node of a state directory publishes a value that is stored with
.Fl -keep
again at half its lifetime, over restarts too, until it is deleted or replaced.
""",
        "delete": r"""
A deletion is stored as a value is, and lasts longer than any holder may keep what it deletes.
""",
        "find-node": r"""
Give an
.Ar ID
or a
.Fl -key .
""",
        "status": r"""
The node is the one of
.Fl -state-dir ,
else the daemon of this user on
.Fl -port .
The first line is the verdict:
.Em serving ,
.Em joining ,
.Em isolated
(it hears nobody and tries again),
.Em degraded
(it reads, but cannot store),
.Em starting
or
.Em stopping .
""",
        "config": r"""
.Cm show
prints
.Pa node.toml
with every option, its help and default.
.Cm check
reads what a daemon would read, tells everything that is wrong in one go, or what differs from the
defaults and why.
""",
        "export": r"""
A running node is asked, and goes on running; without one its storage is opened.
A file that is named appears when it is whole, or not at all.
""",
        "import": r"""
The node of the storage must not run.
Nothing is imported before the whole file was found sound.
No record replaces a newer one or lives longer than it had to.
""",
        "plugins": r"""
Of two of one name and kind the first is used.
""",
        "demo": r"""
Nothing is left behind.
It ends with 1 should a value be lost.
""",
        "simulate": r"""
The same scenario and seed give the same result, to the byte.
""",
    }
)
"""What is told of a verb between its help and its options."""

KADEMLIA = r"""
.Dd %DATE%
.Dt KADEMLIA 8
.Os kadtwisted %VERSION%
.Sh NAME
.Nm kademlia
.Nd run a node of a Kademlia distributed hash table as a daemon
.Sh SYNOPSIS
.Ic twistd
.Op Ar options of twistd
.Nm
.Op Ar options
.Sh DESCRIPTION
.Nm
is a plugin of
.Xr twistd 1 .
It serves one UDP port, joins a network through the addresses it was told and those it remembers,
keeps records for others, and looks after itself: until it is stopped it tries again whatever fails.
.Pp
Without
.Fl -bootstrap
and without remembered contacts it is the first node of a network.
.Pp
Of twistd's own options
.Fl -nodaemon ,
.Fl -pidfile ,
.Fl -logfile
and
.Fl -syslog
are of use; they stand before
.Nm .
.Pp
The command line wins over the environment, that over the configuration file, that over the
defaults.
All mistakes in all of them are told in one go.
The options are:
%OPTIONS%
.Ss Signals
.Bl -tag -width Ds
.It Dv SIGTERM , Dv SIGINT
Finish what is under way, save, and end: within two seconds, whatever hangs.
.It Dv SIGHUP
Read the configuration file again.
What
.Xr node.toml 5
marks so is applied at once; the log names what waits for a restart.
A file with a mistake changes nothing.
.It Dv SIGUSR1
Begin a new log file, if the log goes to a file.
.El
.Ss Under systemd
.Pa etc/kademlia.service
and
.Pa etc/kademlia.socket
of the distribution are units to be copied to
.Pa /etc/systemd/system .
The node says that it is ready when it serves in its network or knows to be the first of it,
tells its verdict in the status line, and feeds the watchdog only after a PING to itself through its
own port and an answer of its storage.
Sockets that are handed over take the place of port and interfaces; what arrives while the service
restarts waits in them.
.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev KADTWISTED_CONFIG
The configuration file, as
.Fl -config .
.It Ev KADTWISTED_*
Every option, by the names that
.Xr node.toml 5
lists.
An unknown name is a mistake; an empty value says nothing.
.It Ev CONFIGURATION_DIRECTORY , Ev XDG_CONFIG_HOME
Directories in which
.Pa node.toml
is looked for.
.It Ev STATE_DIRECTORY , Ev XDG_STATE_HOME
Where the state is kept if no
.Fl -state-dir
is given.
.It Ev NOTIFY_SOCKET , Ev WATCHDOG_USEC , Ev WATCHDOG_PID , Ev LISTEN_FDS , Ev LISTEN_PID , \
Ev LISTEN_FDNAMES , Ev JOURNAL_STREAM
What systemd tells a service.
.El
.Sh FILES
The configuration is the first of
.Pa $CONFIGURATION_DIRECTORY/node.toml ,
.Pa /etc/kademlia/node.toml
and
.Pa ~/.config/kademlia/node.toml .
The state directory has mode 0700, its files 0600:
.Bl -tag -width Ds
.It Pa identity.key
The secret key that is this node.
It is made once and never replaced.
.It Pa records.sqlite , Pa records.lmdb
The records that the node keeps for the network, with
.Pa -wal ,
.Pa -shm ,
.Pa -lock
and
.Pa .lock
files beside them.
.It Pa publications.sqlite
The node's own records, which it keeps published.
.It Pa contacts
The nodes last known, as text.
A damaged one is moved to
.Pa contacts.damaged .
.It Pa version
The version of the directory's layout.
.It Pa lock
Locked while a node runs.
.It Pa control.sock
Where
.Xr kad 1
talks to the running node.
.El
.Sh EXIT STATUS
%CODES%
.Sh EXAMPLES
.Bd -literal -offset indent
twistd \-\-nodaemon \-\-pidfile= kademlia \-\-port 8000 \e
    \-\-state-dir /var/lib/kademlia \-\-bootstrap 192.0.2.7:8000
.Ed
.Sh SEE ALSO
.Xr kad 1 ,
.Xr systemctl 1 ,
.Xr twistd 1 ,
.Xr node.toml 5
"""

NODE_TOML = r"""
.Dd %DATE%
.Dt NODE.TOML 5
.Os kadtwisted %VERSION%
.Sh NAME
.Nm node.toml
.Nd settings of a Kademlia node
.Sh DESCRIPTION
.Nm
holds the settings of
.Xr kademlia 8
in TOML.
Each can be given as an environment variable, too, and on the command line:
as an argument of its own, where one is named below, or as
.Fl -set Ar KEY=VALUE .
The command line wins over the environment, that over the file, that over the defaults.
.Pp
A relative path is taken from the directory of the file.
A
.Em time
is a number of seconds, or a text with a unit: "90s", "15m", "12h", "2d".
An unknown key is a mistake.
.Ic kad config check
tells what is wrong with a file, and what it changes;
.Ic kad config show
prints one with all keys and defaults.
%KEYS%
.Sh FILES
.Bl -tag -width Ds -compact
.It Pa $CONFIGURATION_DIRECTORY/node.toml
.It Pa /etc/kademlia/node.toml
.It Pa $XDG_CONFIG_HOME/kademlia/node.toml
.It Pa ~/.config/kademlia/node.toml
.El
.Pp
The first that is there is read, and none of them if
.Fl -config
or
.Ev KADTWISTED_CONFIG
names another one.
.Sh EXAMPLES
.Bd -literal -offset indent
port = 8000
interfaces = ["0.0.0.0", "::"]
bootstrap = ["192.0.2.7:8000", "[2001:db8::7]:8000"]

[upkeep]
rate = 50
.Ed
.Sh SEE ALSO
.Xr kad 1 ,
.Xr kademlia 8
"""
