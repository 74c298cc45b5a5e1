"""The suture command."""
