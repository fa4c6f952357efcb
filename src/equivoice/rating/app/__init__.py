"""The web app in which people rate. Needs the extra ``rating``; import its modules late."""
