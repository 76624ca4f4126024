"""E-mail over SMTP: approved templates to recipients that rules allow."""
