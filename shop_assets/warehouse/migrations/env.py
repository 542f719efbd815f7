"""Where Alembic starts: on the connection, and in the transaction, of the upgrade that runs it."""

from alembic import context
from sqlalchemy import Connection

connection: Connection = context.config.attributes["connection"]
connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS meta")
context.configure(connection=connection, version_table_schema="meta")
with context.begin_transaction():
    context.run_migrations()
