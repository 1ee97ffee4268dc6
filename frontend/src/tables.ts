// The numbers behind pictures, a record in each row.

import type { Place } from "./circle.ts";
import type { Pairs } from "./pairs.ts";

export interface Table {
	columns: string[];
	rows: Iterable<(string | number)[]>;
}

/** Rows as RFC 4180 has them; numbers with all the digits that tell them from their neighbours. */
export function csv({ columns, rows }: Table): string {
	const cell = (value: string | number) => {
		const text = `${value}`;
		return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
	};
	const lines = [columns.map(cell).join(",")];
	for (const row of rows) lines.push(row.map(cell).join(","));
	return `${lines.join("\r\n")}\r\n`;
}

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

/** What a figure has in a plane: each of its parts, the number that it stands for, and its place. */
export function placed(parts: [part: string, number: number, place: Place][]): Table {
	return {
		columns: ["part", "number", "cosine", "sine"],
		rows: parts.map(([part, number, { up, right }]) => [part, number, up, right]),
	};
}
