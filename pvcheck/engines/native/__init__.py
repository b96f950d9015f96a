"""The native engine: C generated from a model, a fixed search core, compiled and loaded."""
