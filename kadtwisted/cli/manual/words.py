"""The words of the manual pages, in mdoc(7); ``pages`` fills in the lines that say ``%NAME%``."""

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
uses a network of nodes that together keep one table of small values.
A value has a name and at most 996 bytes.
It lasts for at most 48 hours, unless it is published again.
.Pp
The node that runs on this machine performs the verb.
It is found by its state directory: that of
.Fl -state-dir ,
else that of
.Ev KADTWISTED_STATE_DIR ,
else that of the daemon's configuration file, else a default: of this user and this
.Fl -port ,
of the user who called
.Xr sudo 8 ,
of the system's service.
An option that cannot change a running node, as another
.Fl -network ,
is an error.
.Pp
With
.Fl -bootstrap
.Nm
makes a node of its own.
It joins through these addresses, stores nothing for others, and ends with the verb.
Its network and its secrets are those of the environment and the configuration file, unless options
say something else.
.Pp
A name or value that begins with a dash stands behind
.Fl - ,
or is written
.Fl -value Ns = Ns Ar VALUE .
.Pp
Results are written to standard output, a value byte for byte.
Receipts, progress and errors are written to standard error.
An error is one sentence.
.Pp
An
.Ar address
is
.Ar HOST:PORT ,
.Ar [IPV6]:PORT
or
.Ar KEY@HOST:PORT .
KEY has 64 hexadecimal digits: then only the node with this key may answer.
A
.Ar time
is a number of seconds, or a number with a unit: 90m, 24h, 2d.
.Ss Global options
They may stand before or after the verb.
%GLOBALS%
%VERBS%
.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev KADTWISTED_*
The options of a daemon, see
.Xr node.toml 5 .
.It Ev STATE_DIRECTORY , Ev XDG_STATE_HOME , Ev HOME , Ev SUDO_UID
Where the daemon of this
.Fl -port
keeps its state by default, see
.Xr kademlia 8 .
.El
.Sh FILES
The files of a state directory are described in
.Xr kademlia 8 .
.Sh EXIT STATUS
%CODES%
.Sh EXAMPLES
The first node of a network, another node, and a value:
.Bd -literal -offset indent
kad bootstrap \-\-port 8000
kad join \-\-port 8001 \-\-bootstrap 127.0.0.1:8000
kad store \-\-bootstrap 127.0.0.1:8000 \-\-key mykey \-\-value myvalue
kad get \-\-bootstrap 127.0.0.1:8001 \-\-key mykey
.Ed
.Pp
The status of a daemon on this machine, and all of its records in a file:
.Bd -literal -offset indent
kad status
kad put motd hello
kad get motd
kad export records.kad
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
Every node of a network can read, replace and delete all values in it.
Sign values that matter.
Give the network a secret to keep others out.
"""

OF_VERBS: Mapping[str, str] = MappingProxyType(
    {
        "bootstrap": r"""
The node runs until it is interrupted.
It keeps no state unless
.Fl -state-dir
is given.
For a node that runs for a long time, use the daemon, see
.Xr kademlia 8 .
""",
        "join": r"""
As
.Cm bootstrap ,
but
.Fl -bootstrap
must be given.
The node tries to join again and again until it succeeds.
""",
        "store": r"""
The receipt on standard error names the nodes that keep the value, and for how long.
With
.Fl -keep
the node of the state directory publishes the value again at half its lifetime, also after a
restart, until the value is deleted or replaced.
""",
        "delete": r"""
A deletion is stored as a value is.
It outlives every copy of the value that it deletes.
""",
        "find-node": r"""
Give an
.Ar ID
or a
.Fl -key .
""",
        "status": r"""
The node is that of
.Fl -state-dir ,
or else the daemon of this user with this
.Fl -port .
The first line is the verdict:
.Em serving ,
.Em joining ,
.Em isolated
(no node answers; it keeps trying),
.Em doubled
(another node has the same key),
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
with every option, its help and its default.
.Cm check
reads what a daemon would read.
It shows everything that is wrong, or else which settings differ from the defaults, and where they
were set.
""",
        "export": r"""
A running node is asked for its records, and keeps running.
If no node runs, its storage is opened.
The file appears under its name once it is complete, or not at all.
""",
        "import": r"""
The node that uses the storage must not run.
The whole file is checked before anything is imported.
No record replaces a newer one, and none lives longer than it would have otherwise.
""",
        "plugins": r"""
If two plugins of one kind have the same name, the first is used.
""",
        "demo": r"""
It leaves nothing behind.
The exit code is 1 if a value was lost.
""",
        "simulate": r"""
The same scenario and seed give the same result, byte for byte.
""",
    }
)
"""What stands between the help of a verb and its options."""

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
It serves one UDP port and joins a network, through the addresses that it is given and the contacts
that it remembers.
It keeps records for other nodes and cares for its contacts.
When something fails, it tries again until it is stopped.
.Pp
Without
.Fl -bootstrap
and without remembered contacts it is the first node of a network.
.Pp
Of the options of twistd,
.Fl -nodaemon ,
.Fl -pidfile ,
.Fl -logfile
and
.Fl -syslog
are useful; they stand before
.Nm .
.Pp
The command line wins over the environment, the environment over the configuration file, and the
file over the defaults.
All mistakes are shown together.
The options are:
%OPTIONS%
.Ss Signals
.Bl -tag -width Ds
.It Dv SIGTERM , Dv SIGINT
Stop in order and save everything, within two seconds even if something hangs.
.It Dv SIGHUP
Go on in a new log file if the old one was moved away, and read the configuration file again.
Options that
.Xr node.toml 5
marks as applied by SIGHUP change at once.
The log names those that need a restart.
If the file has a mistake, nothing changes.
.It Dv SIGUSR1
Begin a new log file, if the log goes to a file; the old one is renamed, unless it was moved away.
.El
.Ss Under systemd
Copy the units
.Pa etc/kademlia.service
and
.Pa etc/kademlia.socket
of the distribution to
.Pa /etc/systemd/system .
The node reports that it is ready when its ports are bound and its storage is open.
The status line of systemd shows its verdict.
What needs a joined node requires
.Pa kademlia-wait-online.service .
The watchdog is fed only after the node has received an answer to a PING to itself through its own
port, and an answer of its storage.
Sockets from systemd take the place of port and interfaces; without its enabled socket it ends (71).
Datagrams that arrive while the service restarts wait in these sockets.
.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev KADTWISTED_CONFIG
The configuration file, as
.Fl -config .
.It Ev KADTWISTED_*
Every option, by the names that
.Xr node.toml 5
lists.
An unknown name is a mistake, but for those that Kubernetes sets for a Service.
An empty variable is ignored.
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
Set by systemd.
.El
.Sh FILES
The configuration file is the first that exists of
.Pa $CONFIGURATION_DIRECTORY/node.toml ,
.Pa /etc/kademlia/node.toml
and
.Pa ~/.config/kademlia/node.toml .
The state directory has mode 0700, its files have mode 0600:
.Bl -tag -width Ds
.It Pa identity.key
The secret key of the node, which is its identity.
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
The nodes that it knew last, as text.
A damaged file is moved to
.Pa contacts.damaged .
.It Pa version
The version of the directory's layout.
.It Pa lock
Locked while a node runs.
.It Pa control.sock
The socket through which
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
Each can also be set by an environment variable, and on the command line: by an argument of its own,
where one is named below, or by
.Fl -set Ar KEY=VALUE .
The command line wins over the environment, the environment over the file, and the file over the
defaults.
.Pp
Relative paths start at the directory of the file.
A
.Em time
is a number of seconds, or a text with a unit: "90s", "15m", "12h", "2d".
An unknown key is a mistake.
.Ic kad config check
shows what is wrong with a file, and what the file changes.
.Ic kad config show
prints a file with all keys and defaults.
%KEYS%
.Sh FILES
.Bl -tag -width Ds -compact
.It Pa $CONFIGURATION_DIRECTORY/node.toml
.It Pa /etc/kademlia/node.toml
.It Pa $XDG_CONFIG_HOME/kademlia/node.toml
.It Pa ~/.config/kademlia/node.toml
.El
.Pp
The first of these that exists is read.
None of them is read if
.Fl -config
or
.Ev KADTWISTED_CONFIG
names another file.
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
