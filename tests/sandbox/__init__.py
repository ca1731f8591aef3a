"""The sandbox: as strict as what it stands for."""
