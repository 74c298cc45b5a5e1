"""RabbitMQ, the store and the services as processes of this machine."""
