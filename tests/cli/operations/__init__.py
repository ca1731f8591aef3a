"""Operation: output that fails, holds, cycles, doors and backups."""
