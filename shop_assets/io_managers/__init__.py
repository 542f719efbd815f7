"""Where assets are stored: Delta Lake tables on S3, tables in PostgreSQL."""
