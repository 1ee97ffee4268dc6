// What a network answers, and how well.

import { activationOf } from "./activations.ts";
import type { Forward } from "./bundle.ts";
import type { Attention, Layer, Network } from "./network.ts";
import { percent } from "./words.ts";

const AT_ONCE = 4e6; // multiplications between two looks at whether somebody waits

export interface Result {
	accuracy: number;
	train: number; // accuracy on what it was trained on; NaN where that is nothing
	test: number; // accuracy on all else; NaN where nothing is left
	loss: number;
	right: Uint8Array; // of every question
	correct: Float32Array; // of every question, the logit of the right answer
	margin: Float32Array; // of every question, by how much that exceeds all others
}

export function canAnswer(forward: Forward): boolean {
	return activationOf(forward.activation) !== undefined;
}

/** Puts what the neurons hear of a question, and what goes past them, into an array. */
export type Hear = (question: number, heard: Float64Array) => void;

/** How many numbers are heard of a question. */
export function heardOf({ neurons, outputs, attention }: Network): number {
	return attention ? neurons + outputs : neurons;
}

/** A way to hear questions, for which all that questions share is computed beforehand. */
export function hearing(network: Network, forward: Forward): Hear {
	if (network.attention) return attending(network, network.attention, forward);
	const { tables, bias, neurons } = network;
	const positions = forward.inputs.shape[1] ?? 0;
	const tokens = forward.inputs.data;
	return (question, heard) => {
		if (bias) heard.set(bias);
		else heard.fill(0);
		for (let i = 0; i < positions; i++) {
			const table = tables[i % tables.length]!;
			const from = tokens[question * positions + i]! * neurons;
			for (let n = 0; n < neurons; n++) heard[n]! += table[from + n]!;
		}
	};
}

/** How much each position counts for each head: position after position, in each the heads. */
export function pattern(attention: Attention, tokens: ArrayLike<number>): Float64Array {
	const { scores, positions, heads, rate } = attention;
	const all = scores.length / (attention.asking * positions * heads);
	const asks = tokens[positions - 1]! - attention.asks;
	const found = new Float64Array(positions * heads);
	for (let h = 0; h < heads; h++) {
		let [top, total] = [-Infinity, 0];
		for (let i = 0; i < positions; i++) {
			const score = scores[((asks * positions + i) * all + tokens[i]!) * heads + h]!;
			found[i * heads + h] = score;
			top = Math.max(top, score);
		}
		for (let i = h; i < found.length; i += heads) total += found[i] = Math.exp(found[i]! - top);
		for (let i = h; i < found.length; i += heads) found[i] = (rate * found[i]!) / total + 1 - rate;
	}
	return found;
}

/** What one head writes of a token at a position, if it attends to it and to nothing else. */
export function written(attention: Attention, position: number, token: number, head: number) {
	const { values, places, mix, heads, channels } = attention;
	const width = mix.length / (heads * channels);
	const found = new Float64Array(width);
	for (let c = 0; c < channels; c++) {
		const value =
			values[(token * heads + head) * channels + c]! +
			places[(position * heads + head) * channels + c]!;
		const from = (head * channels + c) * width;
		for (let w = 0; w < width; w++) found[w]! += value * mix[from + w]!;
	}
	return found;
}

function attending(network: Network, attention: Attention, forward: Forward): Hear {
	const { positions, heads, direct, off } = attention;
	const width = heardOf(network);
	const known = new Map<number, Float64Array>();
	const spoken = Array.from({ length: heads }, (_, h) => h).filter((h) => !off.includes(h));
	const tokens = forward.inputs.data;
	return (question, heard) => {
		const here = tokens.subarray(question * positions, (question + 1) * positions);
		const shares = pattern(attention, here);
		const asks = here[positions - 1]! - attention.asks;
		heard.set(direct.subarray(asks * width, (asks + 1) * width));
		for (const h of spoken) {
			for (let i = 0; i < positions; i++) {
				const key = (here[i]! * positions + i) * heads + h;
				let row = known.get(key);
				if (!row) known.set(key, (row = written(attention, i, here[i]!, h)));
				const share = shares[i * heads + h]!;
				for (let w = 0; w < width; w++) heard[w]! += share * row[w]!;
			}
		}
	};
}

/** Adds to `into` what neurons say through weights, a row of them for each neuron. */
function through(weights: Float64Array, said: Float64Array, into: Float64Array) {
	// Neurons that speak, four at a time: so sums are read and written a quarter as often.
	const outputs = into.length;
	let [count, i, j, k, v, w, x] = [0, 0, 0, 0, 0, 0, 0];
	for (let n = 0; n < said.length; n++) {
		const y = said[n]!;
		if (y === 0) continue;
		const l = n * outputs;
		if (++count < 4) {
			[i, j, k, v, w, x] = [j, k, l, w, x, y];
			continue;
		}
		for (let c = 0; c < outputs; c++) {
			into[c]! +=
				v * weights[i + c]! + w * weights[j + c]! + x * weights[k + c]! + y * weights[l + c]!;
		}
		[count, v, w, x] = [0, 0, 0, 0];
	}
	if (!count) return;
	for (let c = 0; c < outputs; c++) {
		into[c]! += v * weights[i + c]! + w * weights[j + c]! + x * weights[k + c]!;
	}
}

/** A way to answer questions: it gives the logits, in one array that is used again. */
export function answering(network: Network, forward: Forward): (question: number) => Float64Array {
	const activation = activationOf(forward.activation)!;
	const hear = hearing(network, forward);
	const heard = new Float64Array(heardOf(network));
	const said = new Float64Array(network.neurons);
	const values = network.layers.map(({ outputs }) => new Float64Array(outputs));
	const weights = network.layers.map((layer) => new Float64Array(layer.weights));
	const logits = values.at(-1)!;
	return (question) => {
		hear(question, heard);
		for (let n = 0; n < said.length; n++) said[n] = activation(heard[n]!);
		let value = said;
		network.layers.forEach((layer, at) => {
			const next = values[at]!;
			if (layer.bias) next.set(layer.bias);
			else next.fill(0);
			if (at > 0) for (let n = 0; n < value.length; n++) value[n] = activation(value[n]!);
			through(weights[at]!, value, next);
			value = next;
		});
		for (let past = network.neurons, c = 0; past < heard.length; past++, c++) {
			logits[c]! += heard[past]!;
		}
		return logits;
	};
}

/** How many multiplications a question takes, about. */
function effort({ layers, attention, neurons, outputs }: Network): number {
	const heads = attention ? attention.heads * attention.positions * (neurons + outputs) : 0;
	return layers.reduce((sum, layer) => sum + layer.inputs * layer.outputs, heads);
}

/** Whether all questions can be asked before anybody notices. */
export function isSmall(network: Network, forward: Forward): boolean {
	return effort(network) * forward.labels.data.length < 4 * AT_ONCE;
}

/**
 * For each question the first whose logits and right answer are the same: where one table serves
 * both places, pairs in either order are the same sum.
 */
function firsts({ tables, attention }: Network, { inputs, labels }: Forward): Int32Array {
	const found = Int32Array.from(labels.data, (_, question) => question);
	if (attention || tables.length > 1 || inputs.shape[1] !== 2) return found;
	const known = new Map<number, number>();
	for (let question = 0; question < found.length; question++) {
		const [a, b] = [inputs.data[2 * question]!, inputs.data[2 * question + 1]!];
		const pair = Math.min(a, b) * 65_536 + Math.max(a, b); // tokens are numbers of 16 bits
		const first = known.get(pair) ?? question;
		if (first === question) known.set(pair, question);
		if (labels.data[first] === labels.data[question]) found[question] = first;
	}
	return found;
}

/** Accuracy and mean loss over all questions, a part of them at a time. */
export function* evaluating(network: Network, forward: Forward): Generator<undefined, Result> {
	const labels = forward.labels.data;
	const trained = forward.trained.data;
	const answer = answering(network, forward);
	const cost = forward.loss === "squared" ? squared : crossEntropy;
	const [right, correct, margin] = [
		new Uint8Array(labels.length),
		new Float32Array(labels.length),
		new Float32Array(labels.length),
	];
	const losses = new Float64Array(labels.length);
	const same = firsts(network, forward);
	const sizes: [number, number] = [0, 0]; // of what was not trained on, and of what was
	const hits: [number, number] = [0, 0];
	const part = Math.max(1, Math.floor(AT_ONCE / effort(network)));
	for (let question = 0; question < labels.length; question++) {
		if (question && question % part === 0) yield;
		const first = same[question]!;
		if (first < question) {
			for (const one of [right, correct, margin, losses]) one[question] = one[first]!;
		} else {
			const logits = answer(question);
			const label = labels[question] as number;
			const rival = largestBut(logits, label);
			if (firstMaximum(logits) === label) right[question] = 1;
			correct[question] = logits[label]!;
			margin[question] = logits[label]! - rival;
			losses[question] = cost(logits, label, rival);
		}
		const side = trained[question] ? 1 : 0;
		sizes[side]++;
		hits[side] += right[question]!;
	}
	const loss = losses.reduce((sum, one) => sum + one, 0);
	const [test, train] = hits;
	return {
		accuracy: (train + test) / labels.length,
		train: train / sizes[1],
		test: test / sizes[0],
		loss: loss / labels.length / (forward.mean_over_classes ? network.outputs : 1),
		...{ right, correct, margin },
	};
}

/** The same at once. */
export function evaluate(network: Network, forward: Forward): Result {
	const parts = evaluating(network, forward);
	for (;;) {
		const { done, value } = parts.next();
		if (done) return value;
	}
}

/** How much of what it was trained on is right, and of the rest: nothing is said of what is empty. */
export function sides({ train, test }: Result, questions: string): string {
	const shares = [
		[train, "training"],
		[test, "test"],
	] as const;
	return shares
		.filter(([share]) => !Number.isNaN(share))
		.map(([share, side]) => `${percent(share)} of ${side} ${questions}`)
		.join(" and ");
}

/**
 * What groups of neurons add to the logits of a question, and what is added besides: by biases, and
 * by what goes past the neurons. All of it is the logits. Only of networks of one hidden layer.
 */
export function contributions(
	network: Network,
	forward: Forward,
	question: number,
	groups: number[][],
): { groups: Float64Array[]; rest: Float64Array; sum: Float64Array } {
	const activation = activationOf(forward.activation)!;
	const heard = new Float64Array(heardOf(network));
	hearing(network, forward)(question, heard);
	const [layer] = network.layers as [Layer];
	const weights = new Float64Array(layer.weights);
	const rest = new Float64Array(network.outputs);
	if (layer.bias) rest.set(layer.bias);
	for (let c = 0; network.neurons + c < heard.length; c++) rest[c]! += heard[network.neurons + c]!;
	const added = groups.map((neurons) => {
		const said = new Float64Array(network.neurons);
		for (const n of neurons) said[n] = activation(heard[n]!);
		const found = new Float64Array(network.outputs);
		through(weights, said, found);
		return found;
	});
	const sum = rest.slice();
	for (const one of added) one.forEach((x, c) => (sum[c]! += x));
	return { groups: added, rest, sum };
}

export function firstMaximum(logits: ArrayLike<number>): number {
	let best = 0;
	for (let c = 1; c < logits.length; c++) if (logits[c]! > logits[best]!) best = c;
	return best;
}

function largestBut(logits: Float64Array, label: number): number {
	let top = -Infinity;
	for (let c = 0; c < logits.length; c++) if (c !== label && logits[c]! > top) top = logits[c]!;
	return top;
}

/** log(1 + Σ exp(z_j − z_y)) over the others, exact also where the answer is certain. */
function crossEntropy(logits: Float64Array, label: number, rival: number): number {
	const own = logits[label]!;
	const top = Math.max(0, rival - own);
	let others = 0;
	for (let c = 0; c < logits.length; c++) {
		if (c !== label) others += Math.exp(logits[c]! - own - top);
	}
	return top > 0 ? top + Math.log(Math.exp(-top) + others) : Math.log1p(others);
}

function squared(logits: Float64Array, label: number): number {
	return logits.reduce((sum, z, c) => sum + (z - (c === label ? 1 : 0)) ** 2, 0);
}
