"""From measured values to chosen constants: a float network becomes an integer program."""
