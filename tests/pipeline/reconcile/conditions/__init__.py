"""What each cause of a break needs, and cases beside it that have another name."""
