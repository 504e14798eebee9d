"""The universal engine: any picture as a style in one pass, by statistics imposed at five levels."""
