// What a reader chooses to train, and the fresh network and examples that follow from it.

import type { Form, Rows, Rules, Weights } from "./learner.ts";

export const KINDS = ["addition", "parity", "run"] as const;
export type Kind = (typeof KINDS)[number];

export interface Settings {
	kind: Kind; // "run": what a run of the page began with
	p: number; // the modulus
	neurons: number;
	rank: number; // width of the embedding
	learning_rate: number;
	weight_decay: number;
	examples: number; // to train on: a share of the pairs, or a number of strings
	seed: number;
}

export interface Setup {
	form: Form;
	tokens: number; // of each table; 0 where inputs are features
	weights: Weights;
	rules: Rules;
	train: Rows;
	test: Rows;
}

export interface Field {
	name: Exclude<keyof Settings, "kind">;
	words: string;
	low: number;
	high: number;
	step: number | "any";
}

const COMMON: Field[] = [
	{ name: "learning_rate", words: "learning rate", low: 0, high: 1, step: "any" },
	{ name: "weight_decay", words: "weight decay", low: 0, high: 100, step: "any" },
];

/** What can be chosen of each kind; the others stay as they are. */
export const FIELDS: Record<Kind, Field[]> = {
	addition: [
		{ name: "p", words: "modulus p", low: 3, high: 113, step: 1 },
		{ name: "neurons", words: "neurons", low: 1, high: 128, step: 1 },
		{ name: "rank", words: "embedding width", low: 1, high: 500, step: 1 },
		{ name: "examples", words: "share trained on", low: 0.05, high: 0.95, step: 0.05 },
		...COMMON,
		{ name: "seed", words: "seed", low: 0, high: 999_999, step: 1 },
	],
	parity: [
		{ name: "neurons", words: "neurons", low: 1, high: 512, step: 1 },
		{ name: "examples", words: "strings trained on", low: 50, high: 5000, step: 50 },
		...COMMON,
		{ name: "seed", words: "seed", low: 0, high: 999_999, step: 1 },
	],
	run: COMMON,
};

/** Where a reader begins. Addition: a network that generalises in seconds. */
export const STARTS: Record<Kind, Settings> = {
	addition: {
		kind: "addition",
		p: 43,
		neurons: 24,
		rank: 64,
		learning_rate: 0.01,
		weight_decay: 1,
		examples: 0.5,
		seed: 0,
	},
	parity: {
		kind: "parity",
		p: 0,
		neurons: 64,
		rank: 0,
		learning_rate: 0.01,
		weight_decay: 0.3,
		examples: 1250,
		seed: 0,
	},
	run: {
		kind: "run",
		p: 0,
		neurons: 0,
		rank: 0,
		learning_rate: 0,
		weight_decay: 0,
		examples: 0,
		seed: 0,
	},
};

/** Settings as a link has them: the kind, and the numbers that differ from where it begins. */
export function formatSettings(settings: Settings): string {
	const start = STARTS[settings.kind];
	const chosen = FIELDS[settings.kind].filter(({ name }) => settings[name] !== start[name]);
	return [settings.kind, ...chosen.map(({ name }) => `${name}:${settings[name]}`)].join(",");
}

/** What a link garbles or leaves out is as at the start; what is out of bounds is at its bound. */
export function parseSettings(text: string): Settings {
	const [first, ...parts] = text.split(",");
	const settings = { ...STARTS[KINDS.find((kind) => kind === first) ?? "addition"] };
	for (const part of parts) {
		const [name, number] = part.split(":");
		const field = FIELDS[settings.kind].find((one) => one.name === name);
		if (field) settings[field.name] = within(field, Number(number || NaN), settings[field.name]);
	}
	return settings;
}

/** A number that a field can have; what is none leaves the field as it was. */
export function within({ low, high, step }: Field, value: number, otherwise: number): number {
	if (!Number.isFinite(value)) return otherwise;
	const inside = Math.max(low, Math.min(high, value));
	return step === "any" || step < 1 ? inside : Math.round(inside);
}

const BITS = 30; // of a string, of which the first few matter
const RELEVANT = 3;
const TESTED = 2000; // strings

/** A fresh network and its examples, the same for the same settings. */
export function setupOf(settings: Settings): Setup {
	return settings.kind === "parity" ? parity(settings) : addition(settings);
}

/** Unordered pairs of residues; an embedding that is the unembedding too. */
function addition({ p, neurons, rank, examples, ...rest }: Settings): Setup {
	const draw = generator(rest.seed);
	const pairs: [number, number][] = [];
	for (let a = 0; a < p; a++) for (let b = a; b < p; b++) pairs.push([a, b]);
	shuffle(pairs, draw);
	const count = Math.max(1, Math.min(pairs.length - 1, Math.floor(examples * pairs.length)));
	const rows = (some: [number, number][]): Rows => ({
		rows: Uint16Array.from(some.flat()),
		starts: Uint32Array.from({ length: some.length + 1 }, (_, i) => 2 * i),
		labels: Uint16Array.from(some, ([a, b]) => (a + b) % p),
	});
	const form = { inputs: p, neurons, outputs: p, rank };
	return {
		form,
		tokens: p,
		weights: {
			embed: normals(p * rank, Math.sqrt(2 / p) / CUT_DEVIATION, draw),
			into: normals(neurons * rank, Math.sqrt(1 / rank), draw),
			out: normals(neurons * rank, Math.sqrt(1 / neurons), draw),
		},
		rules: { ...rules(rest), b1: 0.9, mean_over_classes: true },
		train: rows(pairs.slice(0, count)),
		test: rows(pairs.slice(count)),
	};
}

/** Whether an odd number of the first three of thirty bits is set; a last input is always 1. */
function parity({ neurons, examples, ...rest }: Settings): Setup {
	const draw = generator(rest.seed);
	const seen = new Set<number>();
	while (seen.size < examples + TESTED) seen.add(Math.floor(draw() * 2 ** BITS));
	const strings = [...seen];
	const set = (one: number, bit: number) => (one >> bit) & 1;
	const rows = (some: number[]): Rows => {
		const found = some.map((one) => {
			const bits = Array.from({ length: BITS }, (_, bit) => bit);
			return [...bits.filter((bit) => set(one, bit)), BITS];
		});
		const starts = Uint32Array.from({ length: some.length + 1 }, () => 0);
		found.forEach((one, i) => (starts[i + 1] = starts[i]! + one.length));
		const odd = (one: number) => {
			let sum = 0;
			for (let bit = 0; bit < RELEVANT; bit++) sum += set(one, bit);
			return sum % 2;
		};
		return { rows: Uint16Array.from(found.flat()), starts, labels: Uint16Array.from(some, odd) };
	};
	const inputs = BITS + 1;
	return {
		form: { inputs, neurons, outputs: 1, rank: 0 },
		tokens: 0,
		weights: {
			embed: new Float64Array(0),
			into: normals(inputs * neurons, Math.sqrt(1 / inputs), draw),
			out: normals(neurons, Math.sqrt(1 / neurons), draw),
		},
		rules: { ...rules(rest), b1: 0.99, mean_over_classes: false },
		train: rows(strings.slice(0, examples)),
		test: rows(strings.slice(examples)),
	};
}

function rules({ learning_rate, weight_decay }: Pick<Settings, "learning_rate" | "weight_decay">) {
	return { learning_rate, weight_decay, penalty: "decoupled" as const, b2: 0.98, eps: 1e-8 };
}

/** Numbers from 0 to 1 that depend on the seed alone: mulberry32. */
export function generator(seed: number): () => number {
	let state = (seed ^ 0x9e3779b9) | 0;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}

function shuffle<T>(list: T[], draw: () => number) {
	for (let i = list.length - 1; i > 0; i--) {
		const j = Math.floor(draw() * (i + 1));
		[list[i], list[j]] = [list[j]!, list[i]!];
	}
}

const CUT = 2; // standard deviations at which the normal distribution is cut
const CUT_DEVIATION = 0.87962566103423978; // standard deviation of what is left

/** Normal numbers of a scale, none beyond twice it. */
function normals(count: number, scale: number, draw: () => number): Float64Array {
	return Float64Array.from({ length: count }, () => {
		let found = Infinity;
		while (Math.abs(found) > CUT) {
			found = Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
		}
		return scale * found;
	});
}
