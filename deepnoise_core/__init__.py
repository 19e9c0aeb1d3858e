"""The core of deepnoise: knows no plugin, no registry and no network; imports nothing heavy by itself."""
