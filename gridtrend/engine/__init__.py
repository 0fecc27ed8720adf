"""How a kernel is declared, compiled and kept; knows arrays of numbers, and no labels."""
