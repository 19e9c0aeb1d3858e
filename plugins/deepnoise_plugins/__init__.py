"""The built-in plugins: one sub-package is one plugin behind one entry point."""
