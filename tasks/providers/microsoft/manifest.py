"""What an app registration must be given, as the steps of a check name it.

The one place for it is `storage.permission_manifest`; this module passes it on to the provider's own code.
"""

from __future__ import annotations

from storage.permission_manifest import APP_ROLE_IDS, Manifest, ManifestEntry, manifest

__all__ = ["APP_ROLE_IDS", "Manifest", "ManifestEntry", "manifest"]
