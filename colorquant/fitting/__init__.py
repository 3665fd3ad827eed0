"""Models and the engines that fit them to weighted colours."""
