"""What stands beside the service: a pooler, roles, modes of files, a network."""
