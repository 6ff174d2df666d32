"""Who may log in and how long that holds: locks after wrong passwords, sessions."""
