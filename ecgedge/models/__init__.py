"""The bounded student and its teachers (torch)."""
