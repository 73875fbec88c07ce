// A small picture of a text, for a check of the reader that needs no window.

export const sampleText = "Drover 4711";

/** 300 x 56, black on white, DejaVu Sans 32. */
export const samplePng = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAASwAAAA4AQAAAABvNvjhAAABJElEQVRIx+3UsWrDMBAAUBkNHvUDBv1IiftJ/QCTS8jgDAH/QD8mhoJ+Qyb9AGm7wtXXC55cS8ZDhw7WIKTTOzhOSIq3jKB2trM/ZKhgFsej0mPJHn4zM08XFkpWC1bOmM8w1jP2Ceyi42rBhhn7AG7ZMS1YoDcykR1alIwbcJdkSK9BI3e+xDPze5Y1yhfC7hoLfhZlkowa03thlwEtjy/ANsNqhwS2iwg8NjBmWYuNMBRGwuoMg46ag7WIsqVVdjzUSgn7IqANLAqDFVZN7EGAkOmbMKjAypq9MjKnb2ETCwQtwlWaP7GYZgOBQ75y9y1MzjPsTNB7YZc4sSHJVEngC+75XkzsIbH6pBdvgSBoYV6vMuknGWFoJuZSbP+Rdvaf2A/FyLIJ1YfnhQAAAABJRU5ErkJggg==",
  "base64",
);
