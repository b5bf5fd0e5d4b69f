"""What Label Studio talks to: a web process without torch. Imports squeezesam_core and no other sibling."""
