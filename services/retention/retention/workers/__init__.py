"""What retention does by itself: reading at Stripe what is to be read again, ending trials."""
