"""`docs/configuration.md`: its part on keys is made from the settings' models.

python -m shop_assets.settings.reference docs/configuration.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel

from shop_assets.settings.shape import keys
from shop_assets.settings.shop import ShopSettings

BEGIN = "<!-- From here on made by `make docs` from shop_assets/settings; changes are lost. -->"
_TITLES = {
    "ShopSettings": "The file",
    "Shop": "`shop`",
    "SqlSource": "Source: `connector: sql`",
    "SqlStream": "Stream of a `sql` source",
    "FilesSource": "Source: `connector: files`",
    "FileStream": "Stream of a `files` source",
    "FileTime": "`time` of a file stream",
    "Restatement": "`restates` of a file stream",
    "StripeSource": "Source: `connector: stripe`",
    "ShopifySource": "Source: `connector: shopify`",
    "WooCommerceSource": "Source: `connector: woocommerce`",
    "ApiStream": "Stream of an API",
    "EntityMapping": "Entity of a stream",
    "FieldMapping": "Field of an entity",
    "Rule": "Rule",
    "Condition": "Condition",
    "Reconciliation": "`reconciliation`",
}


def reference(text: str) -> str:
    """The page with its made part made anew; `text`: the page as it is."""
    written, mark, _ = text.partition(BEGIN)
    if not mark:
        raise ValueError(f"the page lacks the line {BEGIN}")
    sections = "\n\n".join(_section(model) for model in _parts(ShopSettings))
    return f"{written}{BEGIN}\n\n{sections}\n"


def _parts(root: type[BaseModel]) -> list[type[BaseModel]]:
    """The models below `root`, each once, in the order in which a reader meets them."""
    found: list[type[BaseModel]] = []
    waiting = [root]
    while waiting:
        model = waiting.pop(0)
        if model not in found:
            found.append(model)
            waiting = [m for key in keys(model) for m in key.models] + waiting
    return found


def _section(model: type[BaseModel]) -> str:
    lines = [f'<a id="{model.__name__.lower()}"></a>', "", f"### {_TITLES[model.__name__]}", ""]
    lines += [" ".join((model.__doc__ or "").split()), ""]
    lines += ["| key | type | without it | meaning |", "|---|---|---|---|"]
    for key in keys(model):
        kind = key.kind
        for name, title in _TITLES.items():
            kind = kind.replace(f"[{name}]", f"[{title.replace('`', '')}]")
        default = "**must be given**" if key.default is None else key.default
        lines.append(f"| `{key.name}` | {kind} | {default} | {key.meaning} |".replace("||", "| |"))
    return "\n".join(lines)


def main(path: Path) -> None:
    """Write the page at `path` anew."""
    path.write_text(reference(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
