"""How each provider is connected, renewed, checked and let go. One file each, behind `providers.port`."""
