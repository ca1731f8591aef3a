"""The borders: what stands beside the product, and is otherwise than it was."""
