import assert from "node:assert/strict";
import { test } from "node:test";
import { hint } from "../src/live/hint.ts";

test("bounds stand below a field once", () => {
	assert.equal(
		hint("the modulus, at least 2. Need not be prime.", "at least 2"),
		"the modulus, at least 2",
	);
	assert.equal(hint("number of neurons.", "at least 1"), "number of neurons (at least 1)");
	assert.equal(hint("the rate; at least 0 of it", "at least 0"), "the rate (at least 0)");
	assert.equal(hint("", "at least 0"), "(at least 0)");
	assert.equal(hint("how many.", ""), "how many");
});
