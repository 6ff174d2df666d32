"""What is kept of who did what: logins, passwords, rights, and files taken along."""
