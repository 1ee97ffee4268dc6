// The waves of one frequency that neurons read and write.

import { type Forward, isMissing, type Kept, row } from "./bundle.ts";
import type { Group } from "./groups.ts";

export type Star = { amplitude: number; phase: number }[];

/**
 * The waves A cos(ω a − φ) that a group's neurons read, of the first operand, and write; and
 * the phases that they would write if these were the sum of those of what they read of both.
 */
export function stars(kept: Kept, index: number, { frequency, neurons }: Group) {
	const [, tables = 1, tokens = 0, columns = 0] = kept.w_in.shape;
	const [, , outputs = 0] = kept.w_out?.shape ?? [];
	const into = row(kept.w_in, index);
	const read = (table: number) =>
		neurons.map((n) =>
			wave(frequency, tokens, (a) => into[(table * tokens + a) * columns + n] ?? 0),
		);
	const { forward } = kept;
	const answers = !isMissing(forward) && forward.network.layers.length === 1;
	if (!kept.w_out || !answers || outputs < tokens)
		return { read: read(0), written: null, expected: null };
	const out = row(kept.w_out, index);
	const [first, last] = [read(0), read(tables - 1)];
	return {
		read: first,
		written: neurons.map((n) => wave(frequency, tokens, (c) => out[n * outputs + c]!)),
		expected: kept.channels || !adds(forward) ? null : first.map(summed(last)),
	};
}

function summed(others: Star) {
	return ({ phase }: Star[number], i: number) => phase + others[i]!.phase;
}

const ADDS = new WeakMap<Forward, boolean>();

/** Whether the right answers are sums of residues. */
function adds(forward: Forward): boolean {
	const found = ADDS.get(forward) ?? areSums(forward);
	ADDS.set(forward, found);
	return found;
}

function areSums({ inputs, labels }: Forward): boolean {
	const [, positions = 0] = inputs.shape;
	const modulus = 1 + Math.max(...new Set(labels.data));
	return labels.data.every((label: number, q: number) => {
		const [a, b] = inputs.data.subarray(q * positions, q * positions + 2);
		return label === (a! + b!) % modulus;
	});
}

function wave(frequency: number, count: number, value: (token: number) => number) {
	let [real, imaginary] = [0, 0];
	for (let a = 0; a < count; a++) {
		const angle = (2 * Math.PI * frequency * a) / count;
		real += value(a) * Math.cos(angle);
		imaginary += value(a) * Math.sin(angle);
	}
	return {
		amplitude: (2 / count) * Math.hypot(real, imaginary),
		phase: Math.atan2(imaginary, real),
	};
}
