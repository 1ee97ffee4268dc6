import assert from "node:assert/strict";
import { test } from "node:test";
import { isDue } from "../src/training/curve.ts";
import {
	type Form,
	Learner,
	type Rows,
	type Rules,
	type Weights,
} from "../src/training/learner.ts";
import { generator, setupOf, STARTS } from "../src/training/settings.ts";

const RULES: Rules = {
	learning_rate: 1e-3,
	weight_decay: 0,
	penalty: "l2",
	b1: 0,
	b2: 0,
	eps: 1e12, // so large that a step is the slope, divided by it
	mean_over_classes: true,
};
const EXAMPLES: Rows = {
	rows: Uint16Array.of(0, 1, 4, 2, 2, 3),
	starts: Uint32Array.of(0, 3, 5, 6),
	labels: Uint16Array.of(1, 4, 0),
};

function weights({ inputs, neurons, outputs, rank }: Form, seed = 1): Weights {
	const draw = generator(seed);
	const some = (count: number) => Float64Array.from({ length: count }, () => 2 * draw() - 1);
	if (!rank) return { embed: some(0), into: some(inputs * neurons), out: some(neurons * outputs) };
	return { embed: some(inputs * rank), into: some(neurons * rank), out: some(neurons * rank) };
}

function copied({ embed, into, out }: Weights): Weights {
	return { embed: embed.slice(), into: into.slice(), out: out.slice() };
}

const FORMS: Form[] = [
	{ inputs: 5, neurons: 6, outputs: 5, rank: 7 },
	{ inputs: 5, neurons: 9, outputs: 5, rank: 0 },
	{ inputs: 5, neurons: 7, outputs: 1, rank: 0 },
];

for (const form of FORMS) {
	test(`the slope of ${form.outputs} outputs, rank ${form.rank}, is that of the loss`, () => {
		const labels = form.outputs === 1 ? Uint16Array.of(1, 0, 1) : EXAMPLES.labels;
		const examples = { ...EXAMPLES, labels };
		const start = weights(form);
		const rules = { ...RULES, learning_rate: 1e12 };
		const learner = new Learner(form, copied(start), rules);
		const { loss } = learner.learn(examples);
		const lossOf = (some: Weights) => new Learner(form, copied(some), rules).score(examples).loss;
		assert.ok(Math.abs(lossOf(start) - loss) < 1e-12);
		const draw = generator(3);
		for (const name of ["embed", "into", "out"] as const) {
			for (let tries = 0; tries < 12 && start[name].length; tries++) {
				const at = Math.floor(draw() * start[name].length);
				const [up, down] = [copied(start), copied(start)];
				up[name][at]! += 1e-6;
				down[name][at]! -= 1e-6;
				const slope = (lossOf(up) - lossOf(down)) / 2e-6;
				const taken = start[name][at]! - learner.weights[name][at]!;
				assert.ok(Math.abs(taken - slope) < 1e-6, `${name} ${at}: ${taken} for ${slope}`);
			}
		}
	});
}

test("decoupled decay shrinks what has no slope, coupled decay moves it by the learning rate", () => {
	const form = FORMS[1]!;
	const unused = 4 * form.neurons; // the row of an input that no example has
	const examples = {
		rows: Uint16Array.of(0),
		starts: Uint32Array.of(0, 1),
		labels: Uint16Array.of(2),
	};
	const rules = { ...RULES, eps: 1e-30, learning_rate: 0.01, weight_decay: 0.5 };
	for (const [penalty, left] of [
		["decoupled", (w: number) => w * (1 - 0.01 * 0.5)],
		["l2", (w: number) => w - 0.01 * Math.sign(w)],
		["l1", (w: number) => w - 0.01 * Math.sign(w)],
	] as const) {
		const start = weights(form);
		const learner = new Learner(form, copied(start), { ...rules, penalty });
		learner.learn(examples);
		const [now, then] = [learner.weights.into[unused]!, start.into[unused]!];
		assert.ok(Math.abs(now - left(then)) < 1e-9, penalty);
	}
});

test("fresh networks are the same for the same seed, and others for another", () => {
	const small = { ...STARTS.addition, p: 7, rank: 5, neurons: 4 };
	const [one, same, other] = [small, small, { ...small, seed: 1 }].map(setupOf);
	assert.deepEqual(one, same);
	assert.notDeepEqual(one!.weights, other!.weights);
	assert.notDeepEqual(one!.train, other!.train);
	assert.equal(one!.train.labels.length + one!.test.labels.length, 28);
	const widest = one!.weights.into.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
	assert.ok(widest <= 2 / Math.sqrt(5) && widest > 0.5 / Math.sqrt(5));
});

test("the parity of strings is that of their first three bits, and no string comes twice", () => {
	const { train, test: other } = setupOf({ ...STARTS.parity, examples: 200, neurons: 2 });
	const seen = new Set<string>();
	for (const { rows, starts, labels } of [train, other]) {
		labels.forEach((label, i) => {
			const ones = [...rows.subarray(starts[i], starts[i + 1])];
			assert.equal(label, ones.filter((bit) => bit < 3).length % 2);
			assert.equal(ones.at(-1), 30);
			seen.add(`${ones}`);
		});
	}
	assert.equal(seen.size, 2200);
});

test("a network of the page learns its examples", () => {
	const setup = setupOf({ ...STARTS.addition, p: 7, rank: 16, neurons: 16 });
	const learner = new Learner(setup.form, setup.weights, setup.rules);
	const before = learner.score(setup.train);
	for (let step = 0; step < 150; step++) learner.learn(setup.train);
	const after = learner.score(setup.train);
	assert.ok(before.accuracy < 0.6 && after.accuracy === 1);
	assert.ok(after.loss < before.loss / 10);
});

test("every one of the first steps is recorded, and later ones ever more rarely", () => {
	for (let step = 0; step <= 512; step++) assert.ok(isDue(step) || step % 2 === 1 || step < 512);
	for (let step = 0; step < 512; step++) assert.ok(isDue(step));
	const due = Array.from({ length: 8192 }, (_, step) => step).filter(isDue);
	assert.ok(due.length < 1600);
	assert.ok(!isDue(513) && isDue(514) && !isDue(1026) && isDue(1028));
});
