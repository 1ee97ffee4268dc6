// The numbers behind pictures, a record in each row.

import type { Pairs } from "./pairs.ts";
import type { Table } from "./save.tsx";

/** A number for each of some things, at each of so many places. */
export function grid(
	columns: [string, string, string],
	things: Iterable<number>,
	places: number,
	value: (thing: number, place: number) => number,
): Table {
	return { columns, rows: cellsOf(things, places, value) };
}

function* cellsOf(
	things: Iterable<number>,
	places: number,
	value: (thing: number, place: number) => number,
) {
	for (const thing of things) {
		for (let place = 0; place < places; place++) yield [thing, place, value(thing, place)];
	}
}

/** What there is to say of every question that is asked of a pair. */
export function ofPairs(
	{ rows, columns, question }: Pairs,
	names: string[],
	values: (question: number) => number[],
): Table {
	const all = Array.from({ length: rows * columns }, (_, at) => at).filter(
		(at) => question[at]! >= 0,
	);
	return {
		columns: ["a", "b", ...names],
		rows: all.map((at) => [Math.floor(at / columns), at % columns, ...values(question[at]!)]),
	};
}
