"""The Hub: bundles pulled, pushed and listed, and a local Hub for rehearsals and tests."""
