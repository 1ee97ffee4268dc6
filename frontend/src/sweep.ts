// What the bundle says of all runs beside each other, and of networks beside their weights.

import type { Missing, Tensor } from "./bundle.ts";

/** One axis of a sweep. */
export interface Axis {
	path: string; // as the store and the shell name it
	name: string;
	levels: string[];
	of: Tensor; // the level of each run
}

/** A time of each run, or until when it had not come. */
export interface Times {
	threshold: number; // of the accuracy
	at: Tensor; // NaN where it was not reached
	censored_at: Tensor; // the last record of a run that did not get there
	told: string[];
}

/** The phase of each run by one rule. */
export interface Phases {
	name: string;
	meanings: string[]; // the first is “unknown”
	thresholds: Record<string, number>;
	of: Tensor;
}

/** The share of runs of one level that have not generalised yet. */
export interface Survival {
	level: string;
	reached: number;
	censored: number;
	unobserved: number;
	median: number | null;
	step: Tensor;
	survival: Tensor;
	low: Tensor;
	high: Tensor;
}

/** How the weights into a run's neurons are spread over what its last network reads. */
export interface Profile {
	kind: "frequency" | "input";
	shares: Tensor;
	marked: number[]; // key frequencies, or the inputs that matter
	neurons: number[]; // how many neurons each key frequency has
}

export interface Sweep {
	curves_left_out: string[];
	definitions: Record<string, string>;
	times: { memorization?: Times; generalization?: Times };
	axes: Axis[];
	phases: Phases[];
	survival: { by: Record<string, Survival[]> } | Missing;
}

/** A mechanism that was tried on a network, with its three numbers. */
export interface Tried {
	kind: string;
	parts: string;
	holds: boolean;
	sufficient: number;
	necessary: number;
	predictive: number;
}

interface Circle {
	frequency: number;
	share: number;
	clock?: number;
	pizza?: number;
	accompanying: number;
}

export interface Explanation extends Tried {
	mechanism: string;
	verdict: string;
	accuracy: number;
	chance: number;
	learned: number;
	circles: Circle[];
	others: Tried[];
}

export interface Explained {
	steps: Tensor;
	of: Explanation[];
}

/** How few frequencies there are, and what the logits are worth with only the key ones, or none. */
export interface Progress {
	steps: Tensor;
	gini: Tensor;
	keys: number[];
	restricted?: Tensor;
	excluded?: Tensor;
	why?: string; // there are no restricted and excluded losses
}

/** The answers to all training examples, some of whose labels are wrong. */
export interface Answers {
	steps: Tensor;
	answers: Tensor; // snapshot, example
	given: Tensor;
	truth: Tensor;
	classes: number;
	pairs: Tensor | null; // example, position
}

export interface Parity {
	steps: Tensor;
	relevant: number[];
	mass: Tensor; // snapshot, input
	spectral_norm: Tensor;
	weight: Tensor; // snapshot, point
	density: Tensor;
	score: Tensor; // snapshot, example, component
	share: Tensor; // snapshot, component
	labels: Tensor;
	trained: Tensor;
	t_sne: Tensor; // snapshot, example, component
	t_sne_steps: Tensor;
}

/** What is told of a run beside its weights. */
export interface Examined {
	profile: Profile | Missing;
	explained: Explained | Missing;
	progress?: Progress | Missing; // of what reads tokens
	answers?: Answers | Missing; // of a task with wrong labels
	parity?: Parity | Missing; // of a task of bits
}

/** Whether there is a reason in the place of what was asked for. */
export function without(value: object): value is Missing {
	return "why" in value;
}
