"""RabbitMQ, the embedded store and the services as child processes of this one, on loopback alone."""
