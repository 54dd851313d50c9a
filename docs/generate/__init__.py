"""Makes the parts of the pages that say what the program says: its options, its commands, its notebooks."""
