"""What every service stands on: broker policy, store, outbox, custody, telemetry, health."""
