import assert from "node:assert/strict";
import { test } from "node:test";
import type { Forward } from "../src/bundle.ts";
import { answering, canAnswer, contributions, evaluate, pattern, sides } from "../src/evaluate.ts";
import { type Attention, cut, type Network, networkAt } from "../src/network.ts";

const P = 7;
const angle = (k: number, a: number) => (2 * Math.PI * k * a) / P;

/** One table of the given functions of a token. */
function network(...neurons: ((a: number) => number)[]): Network {
	const table = Float64Array.from({ length: P * neurons.length }, (_, i) =>
		neurons[i % neurons.length]!(Math.floor(i / neurons.length)),
	);
	const out = new Float32Array(neurons.length * P).fill(1);
	return {
		...{ tables: [table], attention: null, bias: null },
		layers: [{ weights: out, bias: null, inputs: neurons.length, outputs: P }],
		...{ tokens: P, neurons: neurons.length, outputs: P },
	};
}

/** The matrix from neurons to logits. */
function out({ layers }: Network): Float32Array {
	return layers[0]!.weights as Float32Array;
}

/** All pairs, of which the right answer is their sum. */
function sums(activation: string, loss: Forward["loss"] = "cross-entropy"): Forward {
	const pairs = Array.from({ length: P * P }, (_, q) => [Math.floor(q / P), q % P] as const);
	return {
		activation,
		loss,
		mean_over_classes: false,
		inputs: { data: Uint16Array.from(pairs.flat()), shape: [P * P, 2] },
		labels: { data: Uint16Array.from(pairs, ([a, b]) => (a + b) % P), shape: [P * P] },
		trained: { data: Uint8Array.from(pairs, ([a]) => Number(a < 2)), shape: [P * P] },
		reading: null,
		network: { layers: [] },
		ideal: { why: "nobody asked" },
	};
}

/** cos k(a + b), as two squares: the square of a neuron that hears cos a + cos b has it in it. */
function squares(k: number): Network {
	const found = network(
		...Array.from(
			{ length: 4 * P },
			(_, n) => (a: number) => Math.cos(angle(k, a) - (n * Math.PI) / (4 * P)),
		),
	);
	for (let n = 0; n < found.neurons; n++) {
		for (let c = 0; c < P; c++)
			out(found)[n * P + c] = Math.cos(angle(k, c) - (2 * n * Math.PI) / (4 * P));
	}
	return found;
}

const all = { mode: "without" as const, frequencies: [], neurons: [], heads: [] };

test("squares of waves add", () => {
	const { accuracy, right } = evaluate(squares(2), sums("square"));
	assert.equal(accuracy, 1);
	assert.equal(right.length, P * P);
});

test("without its frequency such a network knows nothing; with it alone, everything", () => {
	const whole = squares(2);
	const without = evaluate(cut(whole, { ...all, frequencies: [2] }), sums("square"));
	assert.ok(Math.abs(without.loss - Math.log(P)) < 1e-9); // all logits are equal
	const only = evaluate(cut(whole, { ...all, mode: "only", frequencies: [2] }), sums("square"));
	assert.ok(Math.abs(only.loss - evaluate(whole, sums("square")).loss) < 1e-9);
	assert.equal(evaluate(cut(whole, { ...all, frequencies: [1, 3] }), sums("square")).accuracy, 1);
});

test("a wave is taken out and the rest of a table stays", () => {
	const mixed = network((a) => 4 + 2 * Math.cos(angle(1, a) - 1) + Math.sin(angle(3, a)));
	const left = cut(mixed, { ...all, frequencies: [1] }).tables[0]!;
	left.forEach((value, a) => assert.ok(Math.abs(value - 4 - Math.sin(angle(3, a))) < 1e-12));
	const kept = cut(mixed, { ...all, mode: "only", frequencies: [3] }).tables[0]!;
	kept.forEach((value, a) => assert.ok(Math.abs(value - 4 - Math.sin(angle(3, a))) < 1e-12));
});

test("a neuron that is switched off says nothing, and nothing is changed in place", () => {
	const two = network(
		() => 1,
		() => 2,
	);
	assert.deepEqual([...new Set(out(cut(two, { ...all, neurons: [1] })))], [1, 0]);
	assert.deepEqual(
		[...out(cut(two, { ...all, mode: "only", neurons: [1] })).slice(0, P)],
		Array(P).fill(0),
	);
	assert.deepEqual([...new Set(out(two))], [1]);
	assert.deepEqual(out(cut(two, { ...all, mode: "only" })), out(two));
});

test("the fastest wave of an even number of tokens is a cosine", () => {
	const even = { ...network((a) => 3 + (-1) ** a), tokens: 4 };
	even.tables = [Float64Array.of(4, 2, 4, 2)];
	const left = cut(even, { ...all, frequencies: [2] }).tables[0]!;
	left.forEach((value) => assert.ok(Math.abs(value - 3) < 1e-12));
});

test("what a link names and the network does not have changes nothing", () => {
	const two = network(
		() => 1,
		(a) => a,
	);
	for (const mode of ["without", "only"] as const) {
		assert.deepEqual(cut(two, { mode, frequencies: [0, P, 99], neurons: [2], heads: [1] }), two);
	}
});

test("a loss is exact where the answer is certain", () => {
	const sure = network((a) => (a === 0 ? 15 : -1000));
	out(sure).fill(0);
	out(sure)[0] = 1;
	const first = sums("relu");
	first.inputs = { data: Uint16Array.of(0, 0), shape: [1, 2] };
	first.labels = { data: Uint16Array.of(0), shape: [1] };
	first.trained = { data: Uint8Array.of(1), shape: [1] };
	const { loss } = evaluate(sure, first);
	assert.ok(Math.abs(loss / (6 * Math.exp(-30)) - 1) < 1e-9);
	const { loss: squared } = evaluate(sure, { ...first, loss: "squared", mean_over_classes: true });
	assert.equal(squared, 29 ** 2 / P);
});

test("of equal logits the first is the answer, and each side has an accuracy of its own", () => {
	const questions = sums("relu");
	questions.trained.data.fill(0);
	questions.trained.data.set([1, 1, 0, 0]); // 0 + 0, which is answered rightly, and 0 + 1
	const silent = network(() => 0);
	const { accuracy, train, test: other } = evaluate(silent, questions);
	assert.equal(accuracy, 1 / P);
	assert.equal(train, 1 / 2);
	assert.equal(other, (P - 1) / (P * P - 2));
});

test("nothing is said of a side that no question is on", () => {
	const questions = sums("relu");
	const silent = network(() => 0);
	const said = () => sides(evaluate(silent, questions), "pairs");
	assert.match(said(), /^14\.3% of training pairs and 14\.3% of test pairs$/);
	questions.trained.data.fill(1);
	assert.equal(said(), "14.3% of training pairs");
	questions.trained.data.fill(0);
	assert.equal(said(), "14.3% of test pairs");
});

test("a pair in the other order is the same question only if its right answer is", () => {
	const waves = network(...[1, 2, 3].map((k) => (a: number) => Math.sin(angle(k, a) + k)));
	out(waves).forEach((_, i) => (out(waves)[i] = Math.sin(i * i)));
	const twice = { ...waves, tables: [waves.tables[0]!, waves.tables[0]!] }; // each asked by itself
	const plus = sums("relu");
	const [a, b] = [0, 1].map((at) => plus.inputs.data.filter((_, i) => i % 2 === at));
	const minus = {
		...plus,
		labels: { ...plus.labels, data: a!.map((x, i) => (x + P - b![i]!) % P) },
	};
	for (const questions of [plus, minus]) {
		const [one, other] = [evaluate(waves, questions), evaluate(twice, questions)];
		assert.deepEqual(one.right, other.right);
		for (const name of ["loss", "train", "test"] as const) {
			assert.ok(Math.abs(one[name] - other[name]) < 1e-12);
		}
		one.margin.forEach((x, q) => assert.ok(Math.abs(x - other.margin[q]!) < 1e-6));
	}
	assert.notDeepEqual(evaluate(waves, plus).right, evaluate(waves, minus).right);
});

test("a network is read from the middle of a run's snapshots", () => {
	const wIn = {
		data: Float32Array.from({ length: 2 * 2 * 3 * 1 }, (_, i) => i),
		shape: [2, 2, 3, 1],
	};
	const wOut = { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 1, 3] };
	const bias = { data: Float32Array.of(0, 9), shape: [2, 1] };
	const formula = { tables: wIn, bias, layers: [{ weights: wOut, bias: null }] };
	const found = networkAt(formula, null, 1);
	assert.deepEqual(
		found.tables.map((table) => [...table]),
		[
			[6, 7, 8],
			[9, 10, 11],
		],
	);
	assert.deepEqual([...out(found)], [4, 5, 6]);
	assert.deepEqual([...found.bias!], [9]);
});

test("an activation that the page does not know is not made up", () => {
	assert.ok(canAnswer(sums("relu")));
	assert.ok(canAnswer(sums("monomial_7")));
	assert.ok(!canAnswer(sums("monomial_x")));
	assert.ok(!canAnswer(sums("constructor")));
});

test("biases and later layers are part of an answer", () => {
	const deep = network((a) => a - 3);
	deep.bias = Float32Array.of(2);
	deep.layers = [
		{ weights: Float32Array.of(1, -1), bias: Float32Array.of(0, 5), inputs: 1, outputs: 2 },
		{
			weights: new Float32Array(2 * P).fill(1),
			bias: new Float32Array(P).fill(0.5),
			inputs: 2,
			outputs: P,
		},
	];
	// The neuron says relu(a + b - 6 + 2), and those after it that and relu(5 - that).
	const answer = answering(deep, sums("relu"));
	assert.equal(answer(5 * P + 1)[0], 2 + 3 + 0.5);
	assert.equal(answer(0)[0], 0 + 5 + 0.5);
});

/** Two positions, two heads of one channel; each token says its number. */
function attentive(): Network {
	const attention: Attention = {
		scores: Float64Array.from(
			{ length: P * 2 * P * 2 },
			(_, i) => (i % 2) * Math.floor((i / 2) % P),
		),
		values: Float64Array.from({ length: P * 2 }, (_, i) => Math.floor(i / 2)),
		places: Float32Array.of(0, 0, 10, 10),
		mix: Float32Array.of(1, ...Array(P).fill(0), 0, ...Array(P).fill(1)),
		direct: new Float64Array(P * (1 + P)),
		rate: 1,
		...{ asking: P, asks: 0, residues: [0, P], positions: 2, heads: 2, channels: 1, off: [] },
	};
	const found = network(() => 0);
	return { ...found, tables: [], attention };
}

test("attention is a softmax over positions, of each head for itself", () => {
	const shares = pattern(attentive().attention!, [3, 5]);
	assert.deepEqual([shares[0], shares[2]], [0.5, 0.5]);
	assert.ok(Math.abs(shares[3]! - 1 / (1 + Math.exp(3 - 5))) < 1e-12);
	assert.ok(Math.abs(shares[1]! + shares[3]! - 1) < 1e-12);
	const flat = pattern({ ...attentive().attention!, rate: 0 }, [3, 5]);
	assert.deepEqual([...flat], [1, 1, 1, 1]);
});

test("what heads write is heard by neurons or goes past them, unless they are off", () => {
	const whole = attentive();
	const [question, questions] = [3 * P + 5, sums("relu")];
	const late = 1 / (1 + Math.exp(-2));
	const heads = [(3 + 15) / 2, 3 * (1 - late) + 15 * late];
	const said = (network: Network) => answering(network, questions)(question)[0]!;
	assert.ok(Math.abs(said(whole) - heads[0]! - heads[1]!) < 1e-12);
	assert.ok(Math.abs(said(cut(whole, { ...all, heads: [1] })) - heads[0]!) < 1e-12);
	assert.ok(Math.abs(said(cut(whole, { ...all, mode: "only", heads: [1] })) - heads[1]!) < 1e-12);
});

test("what parts add to the logits comes to all of them", () => {
	for (const [whole, neurons] of [
		[
			squares(2),
			[[0, 3, 5], Array.from({ length: 4 * P }, (_, n) => n).filter((n) => ![0, 3, 5].includes(n))],
		],
		[attentive(), [[0]]],
	] as const) {
		const questions = sums("square");
		const logits = [...answering(whole, questions)(9)];
		const { groups, rest, sum } = contributions(
			whole,
			questions,
			9,
			neurons.map((one) => [...one]),
		);
		sum.forEach((x, c) => assert.ok(Math.abs(x - logits[c]!) < 1e-9));
		const added = groups.reduce((total, group) => total + group[1]!, rest[1]!);
		assert.ok(Math.abs(added - logits[1]!) < 1e-9);
		assert.ok(groups.every((group) => group.some((x) => x !== 0)));
	}
});

test("margins say by how much an answer is right", () => {
	const { margin, correct, right } = evaluate(squares(2), sums("square"));
	assert.ok(margin.every((x, q) => x > 0 === Boolean(right[q])));
	const logits = answering(squares(2), sums("square"))(8);
	const label = 2; // 1 + 1
	assert.ok(Math.abs(correct[8]! - logits[label]!) < 1e-5);
	const others = [...logits].filter((_, c) => c !== label);
	assert.ok(Math.abs(margin[8]! - (logits[label]! - Math.max(...others))) < 1e-5);
});
