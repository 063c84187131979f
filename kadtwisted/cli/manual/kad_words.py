"""The words of kad(1), in mdoc(7); ``pages`` fills in the lines that say ``%NAME%``."""

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
.It Ev KADTWISTED_HTTP_TOKEN
The token that
.Fl -node
needs, if no
.Fl -token-file
is given.
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
kad watch motd
kad announce printers \-\-port 631 \-\-attributes colour=1
kad providers printers
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
Every node of a network can read all values in it, and replace and delete those under names.
Sign values that matter, with
.Cm put Fl -mutable .
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
It comes when three quarters of the nodes that should keep it have acknowledged it, and says how
many of how many have done so; the others go on.
A node of
.Nm
itself waits for them, 12 seconds at most, and tells how it ended, before it stops.
With
.Fl -keep
the node of the state directory publishes the value again at half its lifetime, also after a
restart, until the value is deleted or replaced.
.Pp
Everybody may replace a value under a name.
With
.Fl -mutable
the value is signed with a key instead.
It has no name: it is found by the public key and the
.Fl -salt ,
and only who has the
.Fl -key-file
can replace or delete it.
Each value of a key has a number, and the highest one wins.
.Fl -cas
names the number of the value that was read: the new one takes the place of that value or of none.
If another writer was first, the exit code is 69; if nobody can tell, it is 75.
With
.Fl -immutable
the value is found by its own hash, and nobody can change it.
The secret key stays with
.Nm ;
the node gets what is signed.
.Pp
The receipt names a reference, which
.Cm get
takes in place of a name.
.Pp
With
.Fl -from
many values are stored, one on each line of a file.
All lines are checked before anything is sent: if any is bad, the exit code is 65.
What could not be stored is told with the number of its line, and the exit code is 69.
What is stored is noted in a file beside it, or in that of
.Fl -resume :
after an interruption, or to do what failed, run the same command again.
""",
        "get": r"""
A
.Ar NAME
that begins with
.Ql kad:
is a reference: of a name, of a value by its hash, or of what a key has signed.
A mistyped one is noticed, and the exit code is 65.
.Pp
With
.Fl -from
many values are fetched, in the order of their keys, and written as lines that
.Cm put Fl -from
takes.
What was not found is told with the number of its line.
With
.Fl -resume
it is noted what was written, and the same command goes on there.
""",
        "key": r"""
.Cm new
makes a file with an Ed25519 key, for
.Cm put Fl -mutable .
Nobody else may read it, and no file is overwritten.
Whoever has the file can write in its name; without it nobody can.
.Cm show
prints what others may know: the reference of its value without a salt, and the public key.
""",
        "delete": r"""
A deletion is stored as a value is.
It outlives every copy of the value that it deletes.
""",
        "path": r"""
Both nodes must be running.
The path lasts while it is used; see docs/nat.md for what works between which NATs.
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
.Em offline
(this machine has no network),
.Em blocked
(nothing gets through from this network),
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
A sweep that was interrupted goes on where it was if the same command is given again.
""",
    }
)
"""What stands between the help of a verb and its options."""
