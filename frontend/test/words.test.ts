import assert from "node:assert/strict";
import { test } from "node:test";
import { stepScale, stepTicks, stepWords } from "../src/axes.ts";
import { percent, short } from "../src/words.ts";

test("numbers are written as people write them", () => {
	assert.equal(percent(0.85), "85%");
	assert.equal(percent(0.9998), ">99.9%");
	assert.equal(percent(1), "100%");
	assert.equal(short(0.04482), "0.0448");
	assert.equal(short(1.36e-6), "1.36 × 10⁻⁶");
	assert.equal(short(-2.5), "-2.5");
	assert.deepEqual([0, 100, 1500, 32768].map(stepWords), ["0", "100", "1.5k", "32.8k"]);
});

test("step 0 has a place on the logarithmic axis, and every decade after it as much", () => {
	const scale = stepScale("log", 10_000, 0, 100);
	assert.equal(scale(0), 0);
	assert.equal(scale(10_000), 100);
	assert.ok(Math.abs(scale(1000) - scale(100) - (scale(100) - scale(10))) < 2);
	assert.deepEqual(stepTicks("log", 50_000, 400), [0, 1, 10, 100, 1000, 10_000]);
	assert.ok(stepTicks("log", 50_000, 120).length <= 4);
});
