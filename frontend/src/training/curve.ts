// What a training in the page writes down.

import type { Learner, Rows, Score } from "./learner.ts";

export interface Point {
	step: number;
	train: Score;
	test: Score;
}

const PER_OCTAVE = 256; // records for each doubling of the step

/** Whether there is a record at a step: at every one at first, and later ever fewer. */
export function isDue(step: number): boolean {
	const apart = 2 ** Math.max(0, Math.floor(Math.log2(step / PER_OCTAVE)));
	return step % apart === 0;
}

/** One step of training, with a record of what was known before it where one is due. */
export function advance(learner: Learner, train: Rows, test: Rows): Point | undefined {
	const { step } = learner;
	const due = isDue(step) ? learner.score(test) : undefined;
	const score = learner.learn(train);
	return due && { step, train: score, test: due };
}
