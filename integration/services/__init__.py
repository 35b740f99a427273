"""What registrars do with clients, and clients with the hospital's own data. One transaction with its audit record each."""
