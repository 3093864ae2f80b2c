"""When telework takes place: the schedule that the gateway enforces, and its changes in `fleet.yml`."""
