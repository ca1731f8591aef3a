"""What people read: queries in, documents out."""
