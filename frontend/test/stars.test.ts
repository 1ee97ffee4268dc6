import assert from "node:assert/strict";
import { test } from "node:test";
import type { Kept } from "../src/bundle.ts";
import { stars } from "../src/stars.ts";

const P = 7;
const [FREQUENCY, IN, OUT] = [3, 0.4, 2.1];

/** Two neurons: a wave that is read and written, and the same a quarter turn later, half as large. */
function kept(tables = 1): Kept {
	const angle = (a: number) => (2 * Math.PI * FREQUENCY * a) / P;
	const into = Array.from({ length: P }, (_, a) => [
		5 + 2 * Math.cos(angle(a) - IN),
		Math.sin(angle(a) - IN),
	]);
	const out = [0, Math.PI].map((turn) =>
		Array.from({ length: P }, (_, c) => 3 * Math.cos(angle(c) - OUT - turn)),
	);
	const pairs = Array.from({ length: P * P }, (_, q) => [Math.floor(q / P), q % P]);
	return {
		w_in: { data: Float32Array.from(Array(tables).fill(into).flat(2)), shape: [1, tables, P, 2] },
		w_out: { data: Float32Array.from(out.flat()), shape: [1, 2, P] },
		channels: false,
		forward: {
			inputs: { data: Uint16Array.from(pairs.flat()), shape: [P * P, 2] },
			labels: { data: Uint16Array.from(pairs, ([a, b]) => (a! + b!) % P), shape: [P * P] },
			network: { layers: [{}] },
		},
	} as unknown as Kept;
}

test("a star has the amplitudes and phases of waves", () => {
	const { read, written, expected } = stars(kept(), 0, { frequency: FREQUENCY, neurons: [0, 1] });
	const close = (found: number, value: number) => assert.ok(Math.abs(found - value) < 1e-6);
	close(read[0]!.amplitude, 2);
	close(read[0]!.phase, IN);
	close(read[1]!.amplitude, 1);
	close(read[1]!.phase, IN + Math.PI / 2);
	close(written![0]!.amplitude, 3);
	close(written![0]!.phase, OUT);
	close(expected![1]!, 2 * IN + Math.PI);
});

test("where answers are no sums no phase is expected", () => {
	const other = kept();
	(other.forward as { labels: { data: Uint16Array } }).labels.data[9] = 0;
	assert.equal(stars(other, 0, { frequency: FREQUENCY, neurons: [0] }).expected, null);
});
