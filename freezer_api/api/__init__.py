"""THE WIRE: requests in, answers out. The only room that knows HTTP and Falcon."""
