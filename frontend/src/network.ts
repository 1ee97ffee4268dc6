// What a network of two matrices answers, and what it answers with parts of it taken out.

import { type Forward, type Numbers, row, type Tensor } from "./bundle.ts";

const ACTIVATIONS: Record<string, (x: number) => number> = {
	relu: (x) => Math.max(0, x),
	square: (x) => x * x,
	absolute: Math.abs,
	tanh: Math.tanh,
	identity: (x) => x,
	sine: Math.sin,
};

/** A network at one step: its tables and its output matrix. */
export interface Network {
	tables: Float64Array[]; // each: token, neuron
	out: Numbers; // neuron, output
	tokens: number;
	neurons: number;
	outputs: number;
}

export interface Cut {
	mode: "without" | "only";
	frequencies: number[];
	neurons: number[];
}

export interface Result {
	accuracy: number;
	train: number; // accuracy on what it was trained on
	test: number; // accuracy on all else
	loss: number;
	right: Uint8Array; // of every question
}

export function canAnswer(forward: Forward): boolean {
	return Object.hasOwn(ACTIVATIONS, forward.activation);
}

/** The network whose matrices lie at `index` of a run's snapshots. */
export function networkAt(wIn: Tensor, wOut: Tensor, index: number): Network {
	const [, tables = 1, tokens = 0, neurons = 0] = wIn.shape;
	const size = tokens * neurons;
	const outputs = wOut.shape[2] ?? 0;
	return {
		tables: Array.from({ length: tables }, (_, t) => {
			const start = (index * tables + t) * size;
			return Float64Array.from(wIn.data.subarray(start, start + size));
		}),
		out: wOut.data.subarray(index * neurons * outputs, (index + 1) * neurons * outputs),
		tokens,
		neurons,
		outputs,
	};
}

/**
 * The same network without some waves of its tables and without some neurons, or with no others.
 *
 * What the tables are on average over tokens is of no frequency, and stays.
 */
export function cut(network: Network, { mode, frequencies, neurons }: Cut): Network {
	const waves = going(mode, frequencies, 1, Math.floor(network.tokens / 2));
	const silent = going(mode, neurons, 0, network.neurons - 1);
	const tables = network.tables.map((table) =>
		withoutWaves(table, network.tokens, network.neurons, waves),
	);
	const out = network.out.slice();
	for (const neuron of silent) {
		out.fill(0, neuron * network.outputs, (neuron + 1) * network.outputs);
	}
	return { ...network, tables, out };
}

/** Of those from `first` to `last` the named ones; or, if some are named to stay, all others. */
function going(mode: Cut["mode"], named: number[], first: number, last: number): number[] {
	const all = Array.from({ length: last - first + 1 }, (_, i) => first + i);
	const there = all.filter((n) => named.includes(n));
	if (mode === "without") return there;
	return there.length ? all.filter((n) => !there.includes(n)) : [];
}

/** A table minus its projections on the cosine and the sine of each frequency. */
function withoutWaves(table: Float64Array, tokens: number, neurons: number, waves: number[]) {
	const left = table.slice();
	for (const k of waves) {
		for (const wave of [Math.cos, Math.sin]) {
			if (wave === Math.sin && 2 * k === tokens) continue; // it is zero at every token
			const values = Float64Array.from({ length: tokens }, (_, a) =>
				wave((2 * Math.PI * k * a) / tokens),
			);
			const norm = values.reduce((sum, x) => sum + x * x, 0);
			for (let n = 0; n < neurons; n++) {
				let sum = 0;
				for (let a = 0; a < tokens; a++)
					sum += (table[a * neurons + n] as number) * (values[a] as number);
				for (let a = 0; a < tokens; a++)
					left[a * neurons + n]! -= (sum / norm) * (values[a] as number);
			}
		}
	}
	return left;
}

/** The logits of one question; an array that is given is used again. */
export function logitsOf(
	{ tables, out, neurons, outputs }: Network,
	activation: string,
	tokens: ArrayLike<number>,
	logits = new Float64Array(outputs),
): Float64Array {
	const act = ACTIVATIONS[activation]!;
	logits.fill(0);
	for (let n = 0; n < neurons; n++) {
		let sum = 0;
		for (let i = 0; i < tokens.length; i++) {
			sum += tables[i % tables.length]![tokens[i]! * neurons + n]!;
		}
		const heard = act(sum);
		if (heard === 0) continue;
		for (let c = 0, at = n * outputs; c < outputs; c++, at++) logits[c]! += heard * out[at]!;
	}
	return logits;
}

/** The logits of one question after the other, in one array that is used again. */
function* answers(network: Network, forward: Forward): Generator<Float64Array> {
	const [questions = 0] = forward.inputs.shape;
	const logits = new Float64Array(network.outputs);
	for (let q = 0; q < questions; q++) {
		yield logitsOf(network, forward.activation, row(forward.inputs, q), logits);
	}
}

/** Accuracy and mean loss over all questions. */
export function evaluate(network: Network, forward: Forward): Result {
	const labels = forward.labels.data;
	const trained = forward.trained.data;
	const right = new Uint8Array(labels.length);
	const cost = forward.loss === "squared" ? squared : crossEntropy;
	const sizes: [number, number] = [0, 0]; // of what was not trained on, and of what was
	const hits: [number, number] = [0, 0];
	let [question, loss] = [0, 0];
	for (const logits of answers(network, forward)) {
		const label = labels[question] as number;
		const side = trained[question] ? 1 : 0;
		sizes[side]++;
		if (firstMaximum(logits) === label) hits[side] += right[question] = 1;
		loss += cost(logits, label);
		question++;
	}
	const mean = loss / question / (forward.mean_over_classes ? network.outputs : 1);
	const [test, train] = hits;
	return {
		accuracy: (train + test) / question,
		train: train / sizes[1],
		test: test / sizes[0],
		loss: mean,
		right,
	};
}

export function firstMaximum(logits: Float64Array): number {
	let best = 0;
	for (let c = 1; c < logits.length; c++) if (logits[c]! > logits[best]!) best = c;
	return best;
}

/** log(1 + Σ exp(z_j − z_y)) over the others, exact also where the answer is certain. */
function crossEntropy(logits: Float64Array, label: number): number {
	let top = 0;
	for (const logit of logits) top = Math.max(top, logit - logits[label]!);
	let others = 0;
	for (let c = 0; c < logits.length; c++) {
		if (c !== label) others += Math.exp(logits[c]! - logits[label]! - top);
	}
	return top > 0 ? top + Math.log(Math.exp(-top) + others) : Math.log1p(others);
}

function squared(logits: Float64Array, label: number): number {
	return logits.reduce((sum, z, c) => sum + (z - (c === label ? 1 : 0)) ** 2, 0);
}
