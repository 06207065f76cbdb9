"""One training loop, distillation, and the way from a trained student to a program (torch)."""
