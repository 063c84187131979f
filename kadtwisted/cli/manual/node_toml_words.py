"""The words of node.toml(5), in mdoc(7); ``pages`` fills in the lines that say ``%NAME%``."""

from __future__ import annotations

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
