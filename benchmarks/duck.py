"""How DuckDB is opened as a peer."""

from __future__ import annotations

from benchmarks.place import Place


def alone(place: Place) -> dict[str, str | bool]:
    """Its configuration: files in the place's own folder, and no extension from elsewhere."""
    return {"temp_directory": str(place.folder), "autoinstall_known_extensions": False}
