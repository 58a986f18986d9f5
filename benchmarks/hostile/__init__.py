"""What an attacker with one upload may try, as programs."""
