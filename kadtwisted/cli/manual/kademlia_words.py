"""The words of kademlia(8), in mdoc(7); ``pages`` fills in the lines that say ``%NAME%``."""

from __future__ import annotations

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
