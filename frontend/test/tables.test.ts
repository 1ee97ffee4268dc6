import assert from "node:assert/strict";
import { test } from "node:test";
import { onCircle } from "../src/circle.ts";
import { csv, grid, ofPairs, placed } from "../src/tables.ts";

const lines = (text: string) => text.split("\r\n");

test("a text that holds a comma, a quote or a line is quoted", () => {
	const rows = [
		["plain", 1],
		["a, b", 2],
		['so "called"', 3],
		["two\nlines", 4],
	];
	const found = csv({ columns: ["name", "in, all"], rows });
	assert.equal(
		found,
		'name,"in, all"\r\nplain,1\r\n"a, b",2\r\n"so ""called""",3\r\n"two\nlines",4\r\n',
	);
});

test("a number is read as it was written, to its last bit", () => {
	const numbers = [1 / 3, 1e-300, -2.5e21, Math.fround(0.1), Number.MIN_VALUE, NaN];
	const [, ...read] = lines(csv({ columns: ["x"], rows: numbers.map((x) => [x]) }));
	assert.deepEqual(read.slice(0, -1).map(Number), numbers);
});

test("a grid has a row for each of its cells", () => {
	const found = grid(["neuron", "token", "weight"], [4, 2], 2, (n, a) => 10 * n + a);
	assert.deepEqual(
		[...found.rows],
		[
			[4, 0, 40],
			[4, 1, 41],
			[2, 0, 20],
			[2, 1, 21],
		],
	);
});

test("a map has a row for each pair that is asked, and none for others", () => {
	const pairs = { rows: 2, columns: 2, at: [0, 1] as [number, number] };
	const question = Int32Array.from([1, -1, 0, 2]);
	const found = ofPairs({ ...pairs, question }, ["margin", "right"], (q) => [q / 2, q % 2]);
	assert.deepEqual(found.columns, ["a", "b", "margin", "right"]);
	assert.deepEqual(
		[...found.rows],
		[
			[0, 0, 0.5, 1],
			[1, 0, 0, 0],
			[1, 1, 1, 0],
		],
	);
});

test("parts of a figure have the places at which they are drawn", () => {
	const found = csv(placed([["hand of a", 3, onCircle(Math.PI / 6, 2)]]));
	const [columns, row] = lines(found);
	assert.equal(columns, "part,number,cosine,sine");
	assert.equal(row, `hand of a,3,${2 * Math.cos(Math.PI / 6)},${2 * Math.sin(Math.PI / 6)}`);
});
