// The places of a sweep over two of its axes, and the runs at each.

import type { Bundle } from "./bundle.ts";
import type { State } from "./state.ts";
import type { Axis, Phases } from "./sweep.ts";

export interface Place {
	column: number;
	row: number;
	runs: number[]; // where they stand in the bundle
}

export interface Places {
	across: Axis;
	along: Axis | undefined; // none where one axis is all there is
	places: Place[]; // row by row, the lowest level of `along` last, as on a vertical axis
}

/** The places of the chosen axes, or of the first two; none without a sweep. */
export function placesOf(bundle: Bundle, state: State): Places | undefined {
	const { axes } = bundle;
	const across = axes.find((axis) => axis.path === state.across) ?? axes[0];
	if (!across) return undefined;
	const others = axes.filter((axis) => axis !== across);
	const along = others.find((axis) => axis.path === state.along) ?? others[0];
	const rows = along?.levels.length ?? 1;
	const places: Place[] = [];
	for (let row = rows - 1; row >= 0; row--) {
		for (let column = 0; column < across.levels.length; column++) {
			places.push({ column, row, runs: [] });
		}
	}
	bundle.runs.forEach((_, run) => {
		const row = along ? along.of.data[run]! : 0;
		places[(rows - 1 - row) * across.levels.length + across.of.data[run]!]!.runs.push(run);
	});
	return { across, along, places };
}

/** The name of a place in a link. */
export function placeName({ column, row }: Place): string {
	return `${column},${row}`;
}

/** The values of a place in words. */
export function placeWords({ across, along }: Places, { column, row }: Place): string {
	const parts = [`${across.name} ${across.levels[column]}`];
	if (along) parts.push(`${along.name} ${along.levels[row]}`);
	return parts.join(", ");
}

/** How many of some runs are in each phase. */
export function countsOf(phases: Phases, runs: number[]): number[] {
	const counts = phases.meanings.map(() => 0);
	for (const run of runs) counts[phases.of.data[run]!]!++;
	return counts;
}

/** The shortest beginnings of some words that tell them apart. */
export function initials(words: string[]): string[] {
	return words.map((word) => {
		let length = 1;
		const same = (other: string) => other !== word && other.startsWith(word.slice(0, length));
		while (length < word.length && words.some(same)) length++;
		return word.slice(0, length);
	});
}
