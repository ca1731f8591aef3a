"""What the product is measured against: plain programs."""
