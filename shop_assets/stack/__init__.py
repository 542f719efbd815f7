"""The embedded stack: PostgreSQL, an S3 server and Redis on loopback, and where to find them.

`endpoints` says where the three services are, be they embedded or the user's own;
`embedded` starts, stops and watches the embedded ones.
"""
