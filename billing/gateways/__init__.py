"""Who we talk to: the only home of the Pamela client, stripe and tenacity."""
