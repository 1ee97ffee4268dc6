// The binary view bundle: a tree in JSON whose arrays lie behind it (see `explorer/_pack.py`).

import type { Form, Rules } from "./training/learner.ts";
import type { Examined, Sweep } from "./sweep.ts";

const KINDS = {
	float32: Float32Array,
	int32: Int32Array,
	uint16: Uint16Array,
	uint8: Uint8Array,
} as const;
type Kind = keyof typeof KINDS;
export type Numbers = Float32Array | Int32Array | Uint16Array | Uint8Array;

/** Numbers with the lengths of their axes; the last axis varies fastest. */
export interface Tensor {
	data: Numbers;
	shape: number[];
}

/** What is told of the networks that were kept of a run. */
export interface Kept {
	steps: Tensor; // snapshot
	w_in: Tensor; // snapshot, table, token, neuron; or, of a transformer, channel of the residual
	w_out: Tensor | null; // snapshot, neuron, output
	channels: boolean; // whether what tokens are read into are channels, and no neurons
	tokens: boolean; // whether inputs are tokens, whose order means something
	order: Tensor; // neurons as they are shown
	left_out: number; // snapshots for which there was no room
	share?: number; // of its power that a neuron's frequency holds
	frequency?: Tensor; // snapshot, neuron; 0 where it has none
	power?: Tensor; // snapshot, frequency
	roundness?: Tensor; // snapshot, frequency: the shorter axis of its ellipse over the longer
	doubling?: Tensor; // snapshot; how well phases of the output are twice those of the input
	forward: Forward | Missing;
}

/** All questions, and how a network answers them. */
export interface Forward {
	activation: string;
	loss: "cross-entropy" | "squared";
	mean_over_classes: boolean;
	inputs: Tensor; // question, position
	labels: Tensor; // question
	trained: Tensor; // question; 1 where it was trained on, 0 where it is tested on
	reading: { asks: number; residues: [number, number] } | null; // of tokens, where it attends
	network: Formula;
	ideal: Formula | Missing; // of the last snapshot
}

/** What a network is computed from; the first axis of every array is the snapshot. */
export interface Formula {
	tables?: Tensor; // table, token, neuron
	bias?: Tensor | null; // neuron
	layers: { weights: Tensor; bias: Tensor | null }[];
	attention?: Record<"scores" | "values" | "places" | "mix" | "direct" | "rate", Tensor>;
}

export interface Missing {
	why: string;
}

export interface Run extends Examined {
	run: number;
	label: string;
	status: string;
	kept: Kept | Missing;
	start: Start | Missing;
	moments: Moments;
}

/** What a run began with, so that it can be trained again: see `training/learner.ts`. */
export interface Start {
	tokens: number;
	form: Form;
	weights: { embed: Tensor; into: Tensor; out: Tensor };
	rules: Rules;
	train: Examples;
	test: Examples;
}

export interface Examples {
	rows: Tensor;
	starts: Tensor;
	labels: Tensor;
}

/** When a run got where, by the measures of the library; `null` where it was not seen to. */
export interface Moments {
	threshold: number; // accuracy at which examples count as known
	steps: Partial<Record<Moment, number | null>>; // without a moment whose curve was not recorded
	seen: number; // the last step that was looked at
	task:
		{ kind: "addition"; p: number } | { kind: "parity"; n: number; k: number } | { kind: "other" };
}

export type Moment = "memorized" | "circuit_formation" | "cleanup" | "generalized";

export interface Bundle extends Sweep {
	title: string;
	colors: Record<string, string>[]; // light, dark
	ramps: Record<string, string[]>[];
	steps: Tensor;
	curves: Record<string, Tensor>; // run, step
	units: Record<string, string>;
	runs: Run[];
}

const MAGIC = [...new TextEncoder().encode("flyroom"), 1];
const ALIGNED = 8;

/** Reads a bundle; its arrays are views of the bytes. */
export function parseBundle(bytes: ArrayBuffer): Bundle {
	const head = new Uint8Array(bytes, 0, Math.min(MAGIC.length, bytes.byteLength));
	if (head.length < MAGIC.length || MAGIC.some((byte, i) => head[i] !== byte)) {
		throw otherVersion();
	}
	const start = MAGIC.length + 4;
	const length = new DataView(bytes).getUint32(MAGIC.length, true);
	if (start + length > bytes.byteLength) throw cutShort();
	const arrays = Math.ceil((start + length) / ALIGNED) * ALIGNED;
	const text = new TextDecoder().decode(new Uint8Array(bytes, start, length));
	return JSON.parse(text, (_, value) => (isArray(value) ? view(bytes, arrays, value) : value));
}

interface Described {
	array: Kind;
	shape: number[];
	at: number;
}

function isArray(value: unknown): value is Described {
	return typeof value === "object" && value !== null && "array" in value && "at" in value;
}

function view(bytes: ArrayBuffer, arrays: number, { array, shape, at }: Described): Tensor {
	const size = shape.reduce((product, n) => product * n, 1);
	if (!Object.hasOwn(KINDS, array)) throw otherVersion();
	const type = KINDS[array];
	if (arrays + at + size * type.BYTES_PER_ELEMENT > bytes.byteLength) throw cutShort();
	return { data: new type(bytes, arrays + at, size), shape };
}

function otherVersion(): Error {
	return new Error("These are not data of this version of the explorer. Export the page again.");
}

function cutShort(): Error {
	return new Error("The data of this page were cut short. Copy or download the whole file again.");
}

/** What lies at one index of the first axis. */
export function row(tensor: Tensor, index: number): Numbers {
	const size = tensor.data.length / (tensor.shape[0] ?? 1);
	return tensor.data.subarray(index * size, (index + 1) * size);
}

export function isMissing(value: Kept | Forward | Formula | Start | Missing): value is Missing {
	return "why" in value;
}

/** The last of increasing steps that is not after `step`, or the first. */
export function latest(steps: ArrayLike<number>, step: number): number {
	let index = 0;
	for (let i = 0; i < steps.length; i++) if ((steps[i] as number) <= step) index = i;
	return index;
}

/** The step of increasing ones that lies nearest on some scale. */
export function nearest(steps: ArrayLike<number>, step: number, scale: (step: number) => number) {
	let best = 0;
	const far = (i: number) => Math.abs(scale(steps[i] as number) - scale(step));
	for (let i = 1; i < steps.length; i++) if (far(i) < far(best)) best = i;
	return best;
}

/** The largest absolute value, or 1 where all are zero, as a scale to draw by. */
export function largest(numbers: ArrayLike<number>): number {
	let found = 0;
	for (let i = 0; i < numbers.length; i++) {
		const size = Math.abs(numbers[i] as number);
		if (size > found && size < Infinity) found = size;
	}
	return found || 1;
}
