"""Where models live: named, numbered, checked before they are used."""
