import assert from "node:assert/strict";
import { test } from "node:test";
import { isNewer, isVersion } from "../../../agent/update/version.ts";

/** From old to new, as Semantic Versioning orders them. */
const ordered = [
  "0.1.0",
  "0.2.0",
  "0.10.0",
  "1.0.0-1",
  "1.0.0-alpha",
  "1.0.0-alpha.1",
  "1.0.0-alpha.beta",
  "1.0.0-beta",
  "1.0.0-beta.2",
  "1.0.0-beta.11",
  "1.0.0-rc.1",
  "1.0.0",
  "1.0.1",
  "2.0.0",
];

test("of two versions exactly the later one is newer", () => {
  for (const [at, one] of ordered.entries()) {
    for (const [other, than] of ordered.entries()) assert.equal(isNewer(one, than), at > other, `${one} and ${than}`);
  }
});

test("what is no version is newer than nothing, and nothing is newer than it", () => {
  const none = [
    "",
    "1",
    "1.2",
    "v1.2.3",
    "1.2.3+build",
    "01.2.3",
    "1.2.3-",
    "1.2.3-a..b",
    "../1.2.3",
    "1.2.3-a/b",
    "1.2.3\n",
  ];
  for (const text of none) {
    assert.equal(isVersion(text), false, text);
    assert.equal(isNewer(text, "0.1.0"), false, text);
    assert.equal(isNewer("9.0.0", text), false, text);
  }
});
