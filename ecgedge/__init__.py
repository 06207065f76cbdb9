"""ecgedge: from PhysioNet record to serial port, a heartbeat classifier in exact integers."""

__version__ = "0.1.0"
