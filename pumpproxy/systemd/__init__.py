"""What passes between this service and systemd. May not: know of flow, or matter where there is no systemd."""
