"""The hall that the HTTP surfaces share: who asks, how much, in what form, and how a refusal looks."""
