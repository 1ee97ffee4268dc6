import assert from "node:assert/strict";
import { test } from "node:test";
import { ACTIVATIONS, activationOf } from "../src/activations.ts";

test("gelu is x times the normal distribution function", () => {
	const gelu = activationOf("gelu")!;
	// Of tables of the normal distribution.
	for (const [x, part] of [
		[-2, 0.0227501319],
		[-0.5, 0.3085375387],
		[1, 0.8413447461],
		[3, 0.998650102],
	] as const) {
		assert.ok(Math.abs(gelu(x) - x * part) < 5e-10);
	}
	assert.equal(gelu(0), 0);
});

test("powers are read off their names", () => {
	assert.equal(activationOf("monomial_3")!(-2), -8);
	assert.equal(activationOf("monomial_12")!(-1), 1);
	assert.equal(activationOf("toString"), undefined);
	assert.ok(ACTIVATIONS.every((name) => activationOf(name)));
});
