import assert from "node:assert/strict";
import { test } from "node:test";
import { inPlane, powers } from "../src/circle.ts";
import { accuracy, add, firstFailure, largestError, linear } from "../src/hand/built.ts";
import { firstMaximum } from "../src/evaluate.ts";

/** The share of pairs whose logit is the largest by more than rounding, asked one by one. */
function asked(built: Parameters<typeof accuracy>[0]): number {
	const { p } = built;
	let hits = 0;
	for (let a = 0; a < p; a++) {
		for (let b = 0; b < p; b++) {
			const logits = [...add(built, a, b).logits];
			const [own] = logits.splice((a + b) % p, 1);
			const size = Math.max(...logits.map(Math.abs), Math.abs(own!));
			if (own! - Math.max(...logits) > 1e-12 * size && size > 1e-12) hits++;
		}
	}
	return hits / p ** 2;
}

test("the directions say of all pairs what asking them says", () => {
	for (const activation of ["relu", "absolute", "square"] as const) {
		for (const p of [5, 12, 23, 31]) {
			for (const neurons of [1, 3, 4, 5, 6, 8]) {
				for (const rotation of [0, 0.3]) {
					const built = { p, neurons, activation, rotation };
					assert.ok(Math.abs(accuracy(built) - asked(built)) < 1e-12, JSON.stringify(built));
				}
			}
		}
	}
});

test("squares are exact for three and for five or more neurons, others up to a modulus", () => {
	const fails = (activation: "relu" | "square", neurons: number) =>
		firstFailure({ neurons, activation, rotation: 0 });
	assert.deepEqual(
		[3, 4, 5, 6, 7].map((n) => fails("square", n)),
		[undefined, 3, undefined, undefined, undefined],
	);
	assert.deepEqual(
		[5, 7, 8, 9].map((n) => fails("relu", n)),
		[119, 345, 57, 745],
	);
	const error = largestError({ neurons: 5, activation: "relu", rotation: 0 });
	assert.ok(Math.abs(error - 0.0265) < 1e-4);
});

test("half angles add with twice as many outputs", () => {
	for (const p of [7, 12]) {
		for (let a = 0; a < p; a++) {
			for (let b = 0; b < p; b++) {
				if (2 * Math.abs(a - b) === p) continue;
				assert.equal(firstMaximum(linear(p, a, b).logits) % p, (a + b) % p);
			}
		}
	}
});

test("waves of one frequency are a circle in its plane, and nothing in another's", () => {
	const [p, neurons] = [11, 6];
	const table = Float32Array.from({ length: p * neurons }, (_, i) => {
		const [a, n] = [Math.floor(i / neurons), i % neurons];
		return 3 + Math.cos((2 * Math.PI * 4 * a) / p - (Math.PI * n) / 3);
	});
	const places = inPlane(table, p, neurons, 4);
	const [first] = places;
	for (const [a, { up, right }] of places.entries()) {
		const radius = Math.hypot(first!.up, first!.right);
		assert.ok(Math.abs(up - radius * Math.cos((2 * Math.PI * 4 * a) / p)) < 1e-5);
		assert.ok(Math.abs(right - radius * Math.sin((2 * Math.PI * 4 * a) / p)) < 1e-5);
	}
	const power = powers(table, p, neurons).map((row) => row.reduce((sum, one) => sum + one, 0));
	assert.ok(Math.abs(power[3]! - (neurons * p) / 2) < 1e-4);
	power.forEach((one, i) => assert.ok(i === 3 || one < 1e-9));
});
