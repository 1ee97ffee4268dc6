// A network as the page computes it, and what is left of one with parts of it taken out.

import type { Formula, Forward, Numbers, Tensor } from "./bundle.ts";

/** A network at one step. */
export interface Network {
	tables: Float64Array[]; // each: token, neuron; none where it attends
	attention: Attention | null;
	bias: Numbers | null; // of the first neurons
	layers: Layer[]; // the last of which writes the logits
	tokens: number;
	neurons: number; // of the first layer
	outputs: number;
}

export interface Layer {
	weights: Numbers; // in, out
	bias: Numbers | null;
	inputs: number;
	outputs: number;
}

/** What heads read and write; beside the neurons stands what goes past them, to the outputs. */
export interface Attention {
	scores: Float64Array; // asking token, position, token, head
	values: Float64Array; // token, head, channel
	places: Numbers; // position, head, channel
	mix: Numbers; // head, channel, written
	direct: Float64Array; // asking token, written
	rate: number;
	asking: number; // how many tokens can ask
	asks: number; // the first of them
	residues: [number, number]; // the first, and one past the last
	positions: number;
	heads: number;
	channels: number;
	off: number[]; // heads that are silent
}

export interface Cut {
	mode: "without" | "only";
	frequencies: number[];
	neurons: number[];
	heads: number[];
}

/** The network that lies at `index` of the snapshots of a formula. */
export function networkAt(formula: Formula, reading: Forward["reading"], index: number): Network {
	const layers = formula.layers.map(({ weights, bias }) => ({
		weights: at(weights, index),
		bias: bias && at(bias, index),
		inputs: weights.shape[1] ?? 0,
		outputs: weights.shape[2] ?? 0,
	}));
	const attention = reading && attentionAt(formula, reading, index);
	const [, count = 0, rows = 0, columns = 0] = formula.tables?.shape ?? [];
	const all = formula.tables ? at(formula.tables, index) : [];
	return {
		tables: Array.from({ length: count }, (_, t) =>
			Float64Array.from(all.slice(t * rows * columns, (t + 1) * rows * columns)),
		),
		attention,
		bias: formula.bias ? at(formula.bias, index) : null,
		layers,
		tokens: attention ? attention.residues[1] - attention.residues[0] : rows,
		neurons: layers[0]!.inputs,
		outputs: layers.at(-1)!.outputs,
	};
}

function attentionAt(
	{ attention }: Formula,
	{ asks, residues }: NonNullable<Forward["reading"]>,
	index: number,
): Attention {
	const { scores, values, places, mix, direct, rate } = attention!;
	const [, asking = 1, positions = 0] = scores.shape;
	const [, , heads = 0, channels = 0] = values.shape;
	return {
		scores: Float64Array.from(at(scores, index)),
		values: Float64Array.from(at(values, index)),
		places: at(places, index),
		mix: at(mix, index),
		direct: Float64Array.from(at(direct, index)),
		rate: rate.data[index]!,
		...{ asking, asks, residues, positions, heads, channels, off: [] },
	};
}

/** What lies at an index of the first axis. */
function at({ data, shape }: Tensor, index: number): Numbers {
	const size = data.length / (shape[0] ?? 1);
	return data.subarray(index * size, (index + 1) * size);
}

/**
 * The same network without some waves of what tokens are to it, without some neurons of its first
 * layer and some heads, or with no others.
 *
 * What tokens are on average is of no frequency, and stays.
 */
export function cut(network: Network, { mode, frequencies, neurons, heads }: Cut): Network {
	const waves = frequencies.filter((k) => k >= 1 && k <= Math.floor(network.tokens / 2));
	const silent = going(mode, neurons, network.neurons);
	const [first, ...later] = network.layers;
	const weights = first!.weights.slice();
	for (const neuron of silent) {
		weights.fill(0, neuron * first!.outputs, (neuron + 1) * first!.outputs);
	}
	const tables = network.tables.map((table) => {
		const axis = { outer: 1, tokens: network.tokens, inner: network.neurons };
		return ofWaves(table, { ...axis, from: 0, to: network.tokens }, mode, waves);
	});
	const { attention } = network;
	return {
		...network,
		tables,
		attention: attention && {
			...withWaves(attention, mode, waves),
			off: going(mode, heads, attention.heads),
		},
		layers: [{ ...first!, weights }, ...later],
	};
}

/** Of so many the named ones; or, if some are named to stay, all others. */
function going(mode: Cut["mode"], named: number[], count: number): number[] {
	const all = Array.from({ length: count }, (_, i) => i);
	const there = all.filter((n) => named.includes(n));
	if (mode === "without") return there;
	return there.length ? all.filter((n) => !there.includes(n)) : [];
}

/** Waves of the embedding of residues are waves of all that it enters: of keys, values, queries. */
function withWaves(attention: Attention, mode: Cut["mode"], waves: number[]): Attention {
	const { scores, values, direct, asking, asks, residues, positions, heads } = attention;
	const [from, to] = residues;
	const tokens = values.length / (heads * attention.channels);
	const read = { tokens, from, to };
	const left = {
		...attention,
		values: ofWaves(values, { ...read, outer: 1, inner: heads * attention.channels }, mode, waves),
		scores: ofWaves(scores, { ...read, outer: asking * positions, inner: heads }, mode, waves),
	};
	if (asks !== from || asking !== to - from) return left;
	const ask = { outer: 1, tokens: asking, from: 0, to: asking };
	const size = (array: Float64Array) => array.length / asking;
	left.scores = ofWaves(left.scores, { ...ask, inner: size(scores) }, mode, waves);
	left.direct = ofWaves(direct, { ...ask, inner: size(direct) }, mode, waves);
	return left;
}

/** The axis of an array along which waves run, between two of its places. */
interface Axis {
	outer: number;
	tokens: number;
	inner: number;
	from: number;
	to: number;
}

/** An array without its projections on the cosine and the sine of each frequency, or with no more. */
function ofWaves(array: Float64Array, axis: Axis, mode: Cut["mode"], waves: number[]) {
	const left = array.slice();
	if (!waves.length) return left;
	const { outer, tokens, inner, from, to } = axis;
	const count = to - from;
	const bases = waves.flatMap((k) =>
		[Math.cos, Math.sin]
			.filter((wave) => wave === Math.cos || 2 * k !== count) // a sine that is zero everywhere
			.map((wave) =>
				Float64Array.from({ length: count }, (_, a) => wave((2 * Math.PI * k * a) / count)),
			),
	);
	const mean = new Float64Array(count).fill(1);
	for (let o = 0; o < outer; o++) {
		const start = (o * tokens + from) * inner;
		if (mode === "only") left.fill(0, start, start + count * inner);
		for (const base of mode === "only" ? [mean, ...bases] : bases) {
			project(array, left, start, inner, base, mode === "only" ? 1 : -1);
		}
	}
	return left;
}

/** Adds to `left`, `sign` times, the projection on one function of the rows from `start` on. */
function project(
	array: Float64Array,
	left: Float64Array,
	start: number,
	inner: number,
	base: Float64Array,
	sign: number,
) {
	const norm = base.reduce((sum, x) => sum + x * x, 0);
	const sums = new Float64Array(inner);
	for (let a = 0, i = start; a < base.length; a++) {
		for (let n = 0; n < inner; n++, i++) sums[n]! += array[i]! * base[a]!;
	}
	for (let a = 0, i = start; a < base.length; a++) {
		const factor = (sign * base[a]!) / norm;
		for (let n = 0; n < inner; n++, i++) left[i]! += sums[n]! * factor;
	}
}
