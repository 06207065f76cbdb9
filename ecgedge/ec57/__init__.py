"""Beat-by-beat scoring of annotations as ANSI/AAMI EC57 asks, with the results of WFDB's `bxb`."""
