"""The certificate of an erasure: a signed statement, the same in print, and the link under which it is fetched when nobody can sign in."""
