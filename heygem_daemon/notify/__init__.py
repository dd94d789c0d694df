"""Tells people and programs what happens: mail, chat, webhooks, a command after each job."""
