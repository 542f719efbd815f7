"""What assets need from outside: sources, lake, warehouse, Redis; configured by the environment."""

from shop_assets.resources.connections import (
    CacheResource,
    LakeResource,
    SourcesResource,
    WarehouseResource,
)

__all__ = ["CacheResource", "LakeResource", "SourcesResource", "WarehouseResource"]
