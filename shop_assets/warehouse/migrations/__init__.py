"""The history of the warehouse's schema: one step for each change of it, in `versions`.

A step knows the names of its time only. It never imports the registry, which moves on. Views and
comments are in no step: after an upgrade they are made anew from the declarations.

`versions/NNNN_what.py` has the next number as its `revision`, the former one as `down_revision`,
and an `upgrade()` of plain SQL, which runs in one transaction with all the others that are due.
There is no way down: what an upgrade did is undone by restoring a backup.
"""
