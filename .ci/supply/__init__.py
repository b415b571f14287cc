"""What the project is shipped with: the lock file, licences, known vulnerabilities, the bill of materials."""
