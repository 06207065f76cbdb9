"""The records, beats and splits that everything else is measured on."""
