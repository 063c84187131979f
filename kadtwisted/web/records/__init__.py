"""What a client may do with records: values of all kinds, announcements, pins, records as bytes."""
