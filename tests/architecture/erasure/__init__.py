"""What becomes of everything that is kept of a workspace when it is erased: the rules, and what is really there.

    assert await unruled(connection, rules_of("audit")) == []

Rules stand beside the migrations (`erasure.yaml`); what is there is read from the live catalog, the registry of topics, the register of
recipients and the sources. Whatever has no rule, and whatever rule has nothing, is a finding that fails the build.
"""
