"""What is done about devices that upload by themselves."""
