"""What the device computes: the integer program, in NumPy and nothing else."""
