"""The proof of the vault: each part measures one thing."""
