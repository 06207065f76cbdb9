"""Live beats: wire formats, sources, session, recorder, view and the virtual board."""
