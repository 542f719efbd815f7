"""The schema: `schema.graphql`, with the types of its connections made."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from graphql import GraphQLSchema, build_schema, print_schema

_CONNECTION = re.compile(r": (\w+)Connection!")


@cache
def schema() -> GraphQLSchema:
    """The part of the Admin API that the server has."""
    text = files("shop_assets").joinpath("demo", "apis", "shopify", "schema.graphql").read_text()
    named = dict.fromkeys(_CONNECTION.findall(text))
    return build_schema(text + "".join(_connection(name) for name in named))


def schema_text() -> str:
    """The whole schema in the schema language, for whoever wants to look or to generate code."""
    return print_schema(schema())


def _connection(name: str) -> str:
    return f"""
type {name}Connection {{ edges: [{name}Edge!]! nodes: [{name}!]! pageInfo: PageInfo! }}
type {name}Edge {{ cursor: String! node: {name}! }}
"""
