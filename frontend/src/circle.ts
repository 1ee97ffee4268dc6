// The circle of one frequency: where tokens lie on it, in theory and in a network.

import type { Numbers } from "./bundle.ts";

/** A place in a plane: `up` is the cosine, `right` the sine, so that angles go as on a clock. */
export interface Place {
	up: number;
	right: number;
}

export function onCircle(angle: number, radius = 1): Place {
	return { up: radius * Math.cos(angle), right: radius * Math.sin(angle) };
}

/**
 * The rows of a table in the plane of its cosine and its sine of one frequency.
 *
 * The plane is spanned by what the cosine weighs in every neuron and by what the sine does; its
 * axes are at right angles, so that a circle is one only where both weigh as much.
 */
export function inPlane(table: Numbers, tokens: number, neurons: number, frequency: number) {
	const turn = (2 * Math.PI * frequency) / tokens;
	const [cosine, sine, mean] = [0, 1, 2].map(() => new Float64Array(neurons)) as Three;
	for (let a = 0; a < tokens; a++) {
		const [up, right] = [Math.cos(turn * a), Math.sin(turn * a)];
		for (let n = 0; n < neurons; n++) {
			const weight = table[a * neurons + n]!;
			cosine[n]! += up * weight;
			sine[n]! += right * weight;
			mean[n]! += weight / tokens;
		}
	}
	normalized(cosine);
	const along = dot(sine, cosine);
	for (let n = 0; n < neurons; n++) sine[n]! -= along * cosine[n]!;
	normalized(sine);
	return Array.from({ length: tokens }, (_, a): Place => {
		const place = { up: 0, right: 0 };
		for (let n = 0; n < neurons; n++) {
			const weight = table[a * neurons + n]! - mean[n]!;
			place.up += weight * cosine[n]!;
			place.right += weight * sine[n]!;
		}
		return place;
	});
}

type Three = [Float64Array, Float64Array, Float64Array];

function dot(one: Float64Array, other: Float64Array): number {
	return one.reduce((sum, x, n) => sum + x * other[n]!, 0);
}

function normalized(vector: Float64Array) {
	const norm = Math.sqrt(dot(vector, vector)) || 1;
	for (let n = 0; n < vector.length; n++) vector[n]! /= norm;
}

/** The power of every frequency in a table's neurons: [frequency − 1][neuron]. */
export function powers(table: Numbers, tokens: number, neurons: number): Float64Array[] {
	return Array.from({ length: Math.floor(tokens / 2) }, (_, i) => {
		const turn = (2 * Math.PI * (i + 1)) / tokens;
		const [cosine, sine] = [new Float64Array(neurons), new Float64Array(neurons)];
		for (let a = 0; a < tokens; a++) {
			const [c, s] = [Math.cos(turn * a), Math.sin(turn * a)];
			for (let n = 0; n < neurons; n++) {
				cosine[n]! += c * table[a * neurons + n]!;
				sine[n]! += s * table[a * neurons + n]!;
			}
		}
		// The fastest wave of an even number of tokens is a cosine alone.
		const scale = 2 * (i + 1) === tokens ? 1 / tokens : 2 / tokens;
		return cosine.map((c, n) => scale * (c * c + sine[n]! * sine[n]!));
	});
}
