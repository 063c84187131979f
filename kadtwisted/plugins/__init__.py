"""Where ``twisted.plugin`` finds storages and serializers, ours and those of other distributions.

Another distribution ships ``kadtwisted/plugins/its_name.py`` without an ``__init__.py``; this
package's path is extended to reach it.
"""

from __future__ import annotations

from twisted.plugin import pluginPackagePaths

__path__.extend(pluginPackagePaths(__name__))
__all__: list[str] = []
