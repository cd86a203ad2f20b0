"""Looks for what remains of an erased workspace, in everything that is stored, as raw bytes.

    python -m remains --needles needles.json --database postgresql://verifier@…/ingest --folder objects/ --folder broker/ --folder logs/

It is a program of its own: it knows nothing of the services, of their tables or of what erases them, and imports nothing of theirs (a test
holds it to that). What it reads is what there is: every table of every schema that the database's catalog has, partitions included, and
every file of a folder. Its database role may read and nothing else (`role.sql`).
"""
