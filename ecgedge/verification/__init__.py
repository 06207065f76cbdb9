"""Verification: every engine on every beat, integers compared with equality at every layer.

The reference is the simulator, `firmware_sim.network.run`. It is itself compared with the golden
vectors of the bundle and, as engine `numpy`, with plain 64-bit sums. Each engine shows the layers
that it can (all of them, for the engines here); a beat on which any shown integer differs is a
mismatch. Beside that, the files are compared with what the writers make of the program, constant
for constant, the proof is made afresh, and the float model is held to the float network within a
tolerance, because floats may differ in the last bits.
"""
