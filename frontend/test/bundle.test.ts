import assert from "node:assert/strict";
import { test } from "node:test";
import { latest, nearest, parseBundle, row, type Tensor } from "../src/bundle.ts";

/** A bundle as Python writes it: magic, length, header, and one array behind it. */
function packed(header: object, values: Float32Array): ArrayBuffer {
	const text = new TextEncoder().encode(JSON.stringify(header));
	const start = Math.ceil((12 + text.length) / 8) * 8;
	const bytes = new Uint8Array(start + values.byteLength);
	bytes.set([...new TextEncoder().encode("flyroom"), 1]);
	new DataView(bytes.buffer).setUint32(8, text.length, true);
	bytes.set(text, 12);
	bytes.set(new Uint8Array(values.buffer), start);
	return bytes.buffer;
}

const steps = { array: "float32", shape: [2, 3], at: 0 };
const bytes = packed({ title: "é", steps }, Float32Array.of(0, 1, 2, 3, 4, 5));

test("arrays are found where the header says", () => {
	const bundle = parseBundle(bytes);
	assert.equal(bundle.title, "é");
	assert.deepEqual(bundle.steps.shape, [2, 3]);
	assert.deepEqual([...row(bundle.steps as Tensor, 1)], [3, 4, 5]);
});

test("data that were cut short, or are none, are refused in words", () => {
	assert.throws(() => parseBundle(bytes.slice(0, -4)), /cut short/);
	assert.throws(() => parseBundle(bytes.slice(0, 30)), /cut short/);
	assert.throws(() => parseBundle(new ArrayBuffer(4)), /not data of this version/);
	const other = bytes.slice(0);
	new Uint8Array(other)[7] = 2;
	assert.throws(() => parseBundle(other), /not data of this version/);
});

test("a step between two snapshots shows the one before, and a click finds the nearest", () => {
	const kept = [0, 10, 100, 1000];
	assert.equal(latest(kept, 99), 1);
	assert.equal(latest(kept, 100), 2);
	assert.equal(latest(kept, Number.MAX_SAFE_INTEGER), 3);
	assert.equal(
		nearest(kept, 500, (step) => step),
		2,
	);
	assert.equal(
		nearest(kept, 500, (step) => Math.log1p(step)),
		3,
	);
});
