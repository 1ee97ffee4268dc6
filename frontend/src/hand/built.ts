// Networks of a few neurons on a circle that add modulo p, written down (see models/constructed).

import type { Construction } from "../state.ts";

const ACTIVATIONS: Record<Construction, (x: number) => number> = {
	identity: (x) => x, // of the half-angle model, which has no neurons
	absolute: Math.abs,
	relu: (x) => Math.max(0, x),
	square: (x) => x * x,
};

const EXACT = 1e-9; // radian: a smaller error is one of rounding
const ROUNDING = 1e-12; // logits of unit arrows that differ by less are equal

/** A point of the output plane; class c lies in the direction 2πc/p. */
export interface Output {
	x: number;
	y: number;
}

/** Neurons on a circle, whatever the modulus. */
export interface Spokes {
	neurons: number;
	rotation: number; // of all of them, in radian
	activation: Construction;
}

export interface Built extends Spokes {
	p: number;
}

/** The directions of the neurons. */
export function angles({ neurons, rotation }: Spokes): number[] {
	return Array.from({ length: neurons }, (_, j) => (2 * Math.PI * j) / neurons + rotation);
}

/** What a pair does: what each neuron hears and says, and the logits of that. */
export function add(built: Built, a: number, b: number) {
	const turn = (2 * Math.PI) / built.p;
	const act = ACTIVATIONS[built.activation];
	const directions = angles(built);
	const heard = directions.map((t) => Math.cos(a * turn - t) + Math.cos(b * turn - t));
	const said = heard.map(act);
	const logits = Float64Array.from({ length: built.p }, (_, c) =>
		directions.reduce((sum, t, j) => sum + said[j]! * Math.cos(c * turn - 2 * t), 0),
	);
	return { heard, said, logits };
}

/**
 * Where neurons lead when the sum of two embeddings points in a direction and has length 1.
 *
 * Its length is 2 cos(π(a − b)/p): that scales all logits alike, and turns the direction round where
 * it is negative. So the direction alone, of which there are 2p, decides about the answer.
 */
export function lead(spokes: Spokes): (direction: number) => Output {
	const act = ACTIVATIONS[spokes.activation];
	const directions = Float64Array.from(angles(spokes));
	const [cosines, sines] = [
		directions.map((t) => Math.cos(2 * t)),
		directions.map((t) => Math.sin(2 * t)),
	];
	return (direction) => {
		let x = 0;
		let y = 0;
		for (let j = 0; j < directions.length; j++) {
			const said = act(Math.cos(direction - directions[j]!));
			x += said * cosines[j]!;
			y += said * sines[j]!;
		}
		return { x, y };
	};
}

/** Whether class c has the largest logit where an output leads, alone. */
export function isAlone({ x, y }: Output, c: number, p: number): boolean {
	const turn = (2 * Math.PI) / p;
	const logit = (one: number) => x * Math.cos(one * turn) + y * Math.sin(one * turn);
	// On a circle the nearest others are the neighbours, unless the answer lies on the far side.
	const margin = logit(c) - Math.max(logit(c - 1), logit(c + 1));
	return logit(c) > 0 && margin > ROUNDING;
}

/** Which of the 2p directions lead to their class; direction m is that of the sum m. */
function hits(built: Built): boolean[] {
	const leads = lead(built);
	const { p } = built;
	return Array.from({ length: 2 * p }, (_, m) => isAlone(leads((Math.PI * m) / p), m % p, p));
}

/** The share of all pairs that are answered rightly; a tie is an error. */
export function accuracy(built: Built): number {
	const { p } = built;
	const right = hits(built);
	let count = 0;
	for (let a = 0; a < p; a++) {
		for (let b = 0; b < p; b++) {
			const apart = 2 * Math.abs(a - b);
			if (apart === p) continue; // the sum has no length: all logits tie
			if (right[(apart < p ? a + b : a + b + p) % (2 * p)]) count++;
		}
	}
	return count / (p * p);
}

/** By how much an output misses where the sum in a direction is to lead, in radian. */
export function phaseError({ x, y }: Output, direction: number): number {
	const off = Math.atan2(y, x) - 2 * direction;
	return off - 2 * Math.PI * Math.round(off / (2 * Math.PI));
}

const FINE = 2000; // directions from one neuron to the next, to find the largest error
const NEAR = 0.99; // of the bound: from here on moduli are tried one by one
const LAST = 20_000; // and up to here

/** The largest phase error; half the angle between two classes, π/p, is what p can bear. */
export function largestError(spokes: Spokes): number {
	const leads = lead(spokes);
	let largest = 0;
	for (let i = 0; i < FINE; i++) {
		const direction = (2 * Math.PI * i) / FINE / spokes.neurons;
		largest = Math.max(largest, Math.abs(phaseError(leads(direction), direction)));
	}
	return largest;
}

/** The first odd modulus at which such neurons do not answer everything, if there is one. */
export function firstFailure(spokes: Spokes): number | undefined {
	const largest = largestError(spokes);
	if (largest < EXACT) return undefined;
	const first = Math.max(3, 2 * Math.floor((NEAR * Math.PI) / largest / 2) + 1);
	for (let p = first; p < LAST; p += 2) if (hits({ ...spokes, p }).includes(false)) return p;
	return undefined;
}

/** The half-angle model: no activation, and twice as many outputs, which go round the circle twice. */
export function linear(p: number, a: number, b: number) {
	const half = Math.PI / p;
	const length = 2 * Math.cos((a - b) * half);
	const logits = Float64Array.from(
		{ length: 2 * p },
		(_, c) => length * Math.cos((a + b - c) * half),
	);
	return { length, logits };
}
