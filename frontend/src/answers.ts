// What a network says to training examples of which some have wrong labels.

import { row } from "./bundle.ts";
import type { Answers } from "./sweep.ts";

/** What an answer is, by the label that was given and the right one. */
export const KINDS = [
	"right label, answered",
	"right label, answered otherwise",
	"wrong label, answered as given",
	"wrong label, answered rightly",
	"wrong label, answered otherwise",
] as const;

/** The kind of the answer to each example at one snapshot. */
export function kindsAt(answers: Answers, index: number): Uint8Array {
	const [given, truth] = [answers.given.data, answers.truth.data];
	return Uint8Array.from(row(answers.answers, index), (answer, i) => {
		if (given[i] === truth[i]) return answer === truth[i] ? 0 : 1;
		if (answer === given[i]) return 2;
		return answer === truth[i] ? 3 : 4;
	});
}

/** How many answers there are of each kind. */
export function countsOf(kinds: Uint8Array): number[] {
	const counts = KINDS.map(() => 0);
	for (const kind of kinds) counts[kind]!++;
	return counts;
}

/** The wrongly labelled examples by what they end as, and by when that was so for good. */
export function byLastChange(answers: Answers, kinds: Uint8Array[]): number[] {
	const wrong = [...answers.given.data.keys()].filter(
		(i) => answers.given.data[i] !== answers.truth.data[i],
	);
	const last = kinds.at(-1)!;
	const settled = wrong.map((example) => {
		let index = kinds.length - 1;
		while (index > 0 && kinds[index - 1]![example] === last[example]) index--;
		return { example, index };
	});
	settled.sort(
		(one, other) => last[one.example]! - last[other.example]! || one.index - other.index,
	);
	return settled.map(({ example }) => example);
}
