"""The parts of the proof; `firmware_sim.prove` puts them together."""
