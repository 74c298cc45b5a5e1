"""Messages, ids and topology that the services share."""
