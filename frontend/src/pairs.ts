// Questions that are asked of two things, as a square.

import type { Forward, Numbers, Tensor } from "./bundle.ts";

/** Which question is asked of two residues, if the questions are pairs. */
export interface Pairs {
	rows: number; // of what is asked first
	columns: number;
	question: Int32Array; // by row and column; −1 where there is none
	at: [number, number]; // the positions at which they are asked
}

const PAIRS = new WeakMap<Tensor, Pairs | null>();

/** The questions as a square of pairs, or `null` if they are no pairs. */
export function pairsOf({ inputs }: Forward): Pairs | null {
	if (!PAIRS.has(inputs)) PAIRS.set(inputs, found(inputs));
	return PAIRS.get(inputs)!;
}

function found({ data, shape }: Tensor): Pairs | null {
	const [questions = 0, positions = 0] = shape;
	const spans = Array.from({ length: positions }, (_, i) => span(data, i, positions));
	const [first, second, ...others] = spans.flatMap(([least, high], i) => {
		// Residues begin at zero, also where a few are never asked; other things may begin later.
		const low = least <= high - least ? 0 : least;
		return high > least ? [{ i, low, size: high - low + 1 }] : [];
	});
	if (!first || !second || others.length || first.size * second.size > 2 * questions) return null;
	const question = new Int32Array(first.size * second.size).fill(-1);
	for (let q = 0; q < questions; q++) {
		const [a, b] = [first, second].map(({ i, low }) => data[q * positions + i]! - low);
		question[a! * second.size + b!] = q;
	}
	return { rows: first.size, columns: second.size, question, at: [first.i, second.i] };
}

/** The question of the pair that is nearest to what was asked for, and that pair. */
export function asked({ rows, columns, question }: Pairs, a: number, b: number) {
	const row = Math.min(a, rows - 1);
	const column = Math.min(b, columns - 1);
	return { a: row, b: column, question: question[row * columns + column]! };
}

/** The least and the greatest token at a position. */
function span(tokens: Numbers, position: number, positions: number): [number, number] {
	let [low, high] = [Infinity, -Infinity];
	for (let i = position; i < tokens.length; i += positions) {
		low = Math.min(low, tokens[i]!);
		high = Math.max(high, tokens[i]!);
	}
	return [low, high];
}
