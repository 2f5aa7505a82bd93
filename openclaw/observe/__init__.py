"""How the service is seen: metrics and status. Reads what other parts tell; changes nothing of theirs."""
