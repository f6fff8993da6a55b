"""All Azure I/O, one client a file, core values out. Nothing here decides anything."""
