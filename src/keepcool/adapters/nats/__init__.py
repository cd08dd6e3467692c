"""The bus over NATS: nkey and mutual TLS 1.3 to a broker that carries sealed frames and is not trusted."""
