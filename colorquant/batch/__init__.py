"""Many inputs: their names, their outputs, and how they are run."""
