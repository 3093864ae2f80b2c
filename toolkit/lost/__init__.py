"""A laptop that is lost or stolen: shut out, closed off, written up; and found again."""
