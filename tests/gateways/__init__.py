"""The gateways, over real HTTP against the sandbox."""
