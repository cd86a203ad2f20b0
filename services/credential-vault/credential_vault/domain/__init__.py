"""The rules of the vault, without I/O: what a credential is, where its ciphertext belongs, who may have it."""
