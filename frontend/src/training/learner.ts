// A small network that learns in the page: its loss, the gradient of that, and Adam.

import { multiply, spread } from "./products.ts";

export interface Form {
	inputs: number; // rows of the input table: tokens, or features
	neurons: number;
	outputs: number; // 1 for a yes or no
	rank: number; // of the factors of both matrices; 0 where each is one matrix of its own
}

/**
 * The weights. Without factors `into` is the table [input, neuron] and `out` is [neuron, output].
 * With factors both are [neuron, rank], and meet the embedding [input, rank], which is used twice:
 * the table is embed · intoᵀ, and the output matrix is out · embedᵀ.
 */
export interface Weights {
	embed: Float64Array;
	into: Float64Array;
	out: Float64Array;
}

/** Rows of the table that each example adds up, one example after the other, and the answers. */
export interface Rows {
	rows: Uint16Array;
	starts: Uint32Array; // one more than there are examples
	labels: Uint16Array;
}

export interface Rules {
	learning_rate: number;
	weight_decay: number;
	penalty: "decoupled" | "l2" | "l1"; // the last two are part of the gradient
	b1: number;
	b2: number;
	eps: number;
	mean_over_classes: boolean;
}

export interface Score {
	loss: number;
	accuracy: number;
}

/** One network in training, by all examples at every step. */
export class Learner {
	readonly form: Form;
	readonly weights: Weights;
	readonly table: Float64Array; // input, neuron
	readonly output: Float64Array; // neuron, output
	rules: Rules;
	step = 0;
	#moments: Record<keyof Weights, [Float64Array, Float64Array]>;
	#slopes: Weights;
	#tableSlope: Float64Array;
	#outputSlope: Float64Array;
	#heard: Float64Array;
	#logits: Float64Array;
	#active: Uint16Array;

	constructor(form: Form, weights: Weights, rules: Rules) {
		const { inputs, neurons, outputs } = form;
		this.form = form;
		this.rules = rules;
		this.weights = weights;
		this.#slopes = each(weights, (one) => new Float64Array(one.length));
		this.#moments = each(weights, (one) => [
			new Float64Array(one.length),
			new Float64Array(one.length),
		]);
		const whole = form.rank === 0;
		this.table = whole ? weights.into : new Float64Array(inputs * neurons);
		this.output = whole ? weights.out : new Float64Array(neurons * outputs);
		this.#tableSlope = whole ? this.#slopes.into : new Float64Array(inputs * neurons);
		this.#outputSlope = whole ? this.#slopes.out : new Float64Array(neurons * outputs);
		this.#heard = new Float64Array(neurons);
		this.#active = new Uint16Array(neurons);
		this.#logits = new Float64Array(outputs);
		this.#collapse();
	}

	/** Loss and accuracy over examples, of the weights as they are. */
	score(examples: Rows): Score {
		return this.#pass(examples, false);
	}

	/** One step of the optimizer; gives what the network knew before it. */
	learn(examples: Rows): Score {
		const score = this.#pass(examples, true);
		if (this.form.rank) this.#backFromProducts();
		this.step++;
		for (const name of ["embed", "into", "out"] as const) this.#update(name);
		this.#collapse();
		return score;
	}

	#collapse() {
		const { inputs, neurons, rank } = this.form;
		if (!rank) return;
		const { embed, into, out } = this.weights;
		multiply(embed, into, this.table, inputs, neurons, rank);
		multiply(out, embed, this.output, neurons, inputs, rank);
	}

	#backFromProducts() {
		const { inputs, neurons, rank } = this.form;
		const { embed, into, out } = this.weights;
		const slopes = this.#slopes;
		const [table, output] = [this.#tableSlope, this.#outputSlope];
		for (const one of Object.values(slopes)) one.fill(0);
		spread(table, into, slopes.embed, inputs, neurons, rank, neurons, 1);
		spread(output, out, slopes.embed, inputs, neurons, rank, 1, inputs);
		spread(table, embed, slopes.into, neurons, inputs, rank, 1, neurons);
		spread(output, embed, slopes.out, neurons, inputs, rank, inputs, 1);
	}

	/** All examples, one after the other; if asked, with the gradient of the mean loss. */
	#pass({ rows, starts, labels }: Rows, learning: boolean): Score {
		const { outputs } = this.form;
		const count = labels.length;
		const scale = 1 / count / (this.rules.mean_over_classes ? outputs : 1);
		if (learning) {
			this.#tableSlope.fill(0);
			this.#outputSlope.fill(0);
		}
		let [loss, hits] = [0, 0];
		for (let i = 0; i < count; i++) {
			const active = this.#hear(rows, starts[i]!, starts[i + 1]!);
			this.#answer(active);
			const label = labels[i]!;
			if (this.#choice() === label) hits++;
			loss += outputs === 1 ? logistic(this.#logits, label) : crossEntropy(this.#logits, label);
			if (learning) this.#back(rows, starts[i]!, starts[i + 1]!, active, scale);
		}
		return { loss: loss * scale, accuracy: hits / count };
	}

	/** What every neuron hears of an example; gives how many of them say anything. */
	#hear(rows: Uint16Array, start: number, end: number): number {
		const neurons = this.form.neurons;
		const [table, heard, active] = [this.table, this.#heard, this.#active];
		let at = rows[start]! * neurons;
		for (let n = 0; n < neurons; n++) heard[n] = table[at + n]!;
		for (let k = start + 1; k < end; k++) {
			at = rows[k]! * neurons;
			for (let n = 0; n < neurons; n++) heard[n]! += table[at + n]!;
		}
		let count = 0;
		for (let n = 0; n < neurons; n++) if (heard[n]! > 0) active[count++] = n;
		return count;
	}

	#answer(active: number) {
		const outputs = this.form.outputs;
		const [logits, output] = [this.#logits, this.output];
		logits.fill(0);
		for (let k = 0; k < active; k++) {
			const neuron = this.#active[k]!;
			const value = this.#heard[neuron]!;
			for (let c = 0, at = neuron * outputs; c < outputs; c++, at++) {
				logits[c]! += value * output[at]!;
			}
		}
	}

	/** The class of the largest logit, the first of equals; of one logit, whether it is positive. */
	#choice(): number {
		const logits = this.#logits;
		if (logits.length === 1) return Number(logits[0]! > 0);
		let best = 0;
		for (let c = 1; c < logits.length; c++) if (logits[c]! > logits[best]!) best = c;
		return best;
	}

	/** Adds one example to the slopes; the logits have become the slope of its loss by then. */
	#back(rows: Uint16Array, start: number, end: number, active: number, scale: number) {
		const { neurons, outputs } = this.form;
		const [slope, output] = [this.#logits, this.output];
		const [outputSlope, tableSlope] = [this.#outputSlope, this.#tableSlope];
		for (let k = 0; k < active; k++) {
			const neuron = this.#active[k]!;
			const value = this.#heard[neuron]! * scale;
			let sum = 0;
			for (let c = 0, at = neuron * outputs; c < outputs; c++, at++) {
				const g = slope[c]!;
				sum += g * output[at]!;
				outputSlope[at]! += value * g;
			}
			sum *= scale;
			for (let r = start; r < end; r++) tableSlope[rows[r]! * neurons + neuron]! += sum;
		}
	}

	#update(name: keyof Weights) {
		const { learning_rate, weight_decay, penalty, b1, b2, eps } = this.rules;
		const [weights, slopes] = [this.weights[name], this.#slopes[name]];
		const [mean, square] = this.#moments[name];
		const [first, second] = [1 / (1 - b1 ** this.step), 1 / (1 - b2 ** this.step)];
		const apart = penalty === "decoupled" ? weight_decay : 0;
		const part = weight_decay - apart;
		for (let i = 0; i < weights.length; i++) {
			const w = weights[i]!;
			const g = slopes[i]! + (part ? part * (penalty === "l1" ? Math.sign(w) : w) : 0);
			const m = (mean[i] = b1 * mean[i]! + (1 - b1) * g);
			const v = (square[i] = b2 * square[i]! + (1 - b2) * g * g);
			weights[i] = w - learning_rate * ((m * first) / (Math.sqrt(v * second) + eps) + apart * w);
		}
	}
}

/** log(1 + Σ exp(z_j − z_y)), exact also where the answer is certain; its slope takes the logits' place. */
function crossEntropy(logits: Float64Array, label: number): number {
	const own = logits[label]!;
	let top = 0;
	for (let c = 0; c < logits.length; c++) if (logits[c]! - own > top) top = logits[c]! - own;
	let others = 0;
	for (let c = 0; c < logits.length; c++) {
		const part = c === label ? 0 : Math.exp(logits[c]! - own - top);
		logits[c] = part;
		others += part;
	}
	const total = Math.exp(-top) + others;
	for (let c = 0; c < logits.length; c++) logits[c]! /= total;
	logits[label] = -others / total;
	return top > 0 ? top + Math.log(total) : Math.log1p(others);
}

/** log(1 + exp(−m)) of the signed logit m; its slope takes the logit's place. */
function logistic(logits: Float64Array, label: number): number {
	const sign = label ? 1 : -1;
	const m = sign * logits[0]!;
	const small = Math.exp(-Math.abs(m)); // never overflows
	logits[0] = (-sign * (m > 0 ? small : 1)) / (1 + small);
	return Math.max(0, -m) + Math.log1p(small);
}

function each<T>(weights: Weights, of: (one: Float64Array) => T): Record<keyof Weights, T> {
	return { embed: of(weights.embed), into: of(weights.into), out: of(weights.out) };
}
