"""The parts of the table of aims, one module each; ``traffic`` holds rows 1 to 7."""
