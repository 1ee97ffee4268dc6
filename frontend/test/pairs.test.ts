import assert from "node:assert/strict";
import { test } from "node:test";
import type { Forward } from "../src/bundle.ts";
import { asked, pairsOf } from "../src/pairs.ts";

function questions(rows: number[][]): Forward {
	const inputs = { data: Uint16Array.from(rows.flat()), shape: [rows.length, rows[0]!.length] };
	return { inputs } as Forward;
}

test("pairs are found wherever they are asked, and those that are not asked are missing", () => {
	const pairs = pairsOf(
		questions([
			[9, 3, 5],
			[9, 3, 6],
			[9, 4, 6],
		]),
	)!;
	assert.deepEqual(pairs.at, [1, 2]);
	assert.deepEqual([pairs.rows, pairs.columns], [2, 2]);
	assert.deepEqual([...pairs.question], [0, 1, -1, 2]);
	assert.deepEqual(asked(pairs, 1, 1), { a: 1, b: 1, question: 2 });
	assert.deepEqual(asked(pairs, 70, 0), { a: 1, b: 0, question: -1 });
});

test("a residue that is never asked keeps its place", () => {
	const divided = [0, 1, 2].flatMap((a) => [1, 2, 3].map((b) => [a, b]));
	const pairs = pairsOf(questions(divided))!;
	assert.deepEqual([pairs.rows, pairs.columns], [3, 4]);
	assert.deepEqual([...pairs.question.slice(4, 8)], [-1, 3, 4, 5]);
});

test("three things are no pair", () => {
	assert.equal(
		pairsOf(
			questions([
				[1, 2, 3],
				[4, 5, 6],
				[1, 5, 3],
			]),
		),
		null,
	);
});
